// The libFuzzer side of a fuzzing process. It embeds Python and passes each document to `tests.fuzz.target`.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>
#include <cstdlib>

static PyObject *examine;

// A difference is an exception. It is printed, and the abort makes libFuzzer keep the document, as for a crash.
static PyObject *or_die(PyObject *result) {
    if (result != nullptr) return result;
    PyErr_Print();
    abort();
}

extern "C" int LLVMFuzzerInitialize(int *, char ***) {
    Py_Initialize();
    PyObject *target = or_die(PyImport_ImportModule("tests.fuzz.target"));
    examine = or_die(PyObject_GetAttrString(target, "examine"));
    atexit([] { Py_FinalizeEx(); });  // so that Python's own `atexit` writes the final counts
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    PyObject *document = or_die(PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)size));
    Py_DECREF(or_die(PyObject_CallOneArg(examine, document)));
    Py_DECREF(document);
    return 0;
}
