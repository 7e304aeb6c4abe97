"""The module that Python sees. Each path's module includes this file and is compiled with that path's instructions."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.stdint cimport uint8_t, uint64_t, uintptr_t
from libc.string cimport memcpy, memset

from os import urandom

from app.core import transform as reference
from cython_core.memory cimport PAD, Arena, close_arena, open_arena, take
from cython_core.scan cimport parse_document
from cython_core.tables cimport Batch, open_batch
from cython_core.words cimport ALWAYS_COPY, PATH, count_one, counted, fallbacks, plant, widest_path
from cython_core.write cimport Plan, fill_fours, prepare, room_for, write_answer

cdef extern from "Python.h":
    PyObject *PyBytes_FromStringAndSize(const char *start, Py_ssize_t size) except NULL
    int _PyBytes_Resize(PyObject **result, Py_ssize_t size) except -1

cdef enum:
    PAGE = 4096
    SMALL = 4096     # bytes of an answer: up to this size it is written in the arena and copied
    RELEASE = 65536  # bytes of a document: from this size on it releases the GIL; below, that costs more than it brings


cdef inline const uint8_t *padded(const uint8_t *document, uint64_t length, Arena *arena) noexcept nogil:
    """The document, readable up to PAD bytes beyond its end: in place if these stay on its last page, else a copy."""
    cdef uint8_t *copy
    if not ALWAYS_COPY and <uintptr_t>(document + length) % PAGE <= PAGE - PAD:
        return document
    copy = <uint8_t *>take(arena, length + PAD)
    if copy != NULL:
        memcpy(copy, document, length)
        memset(copy + length, 0, PAD)
    return copy


cdef inline bint parse_and_prepare(Batch *batch, Plan *plan, const uint8_t *document, uint64_t length) noexcept nogil:
    """Do everything that precedes writing; return False to fall back to app.core."""
    document = padded(document, length, &batch.arena)
    return document != NULL and open_batch(batch, document, length) and parse_document(batch) and prepare(batch, plan)


cdef object write_result(Batch *batch, Plan *plan):
    """The answer as bytes, or None if memory is out."""
    cdef uint64_t room = room_for(batch)
    cdef PyObject *result = NULL
    cdef uint8_t *start
    cdef uint8_t *end
    if room <= SMALL:
        start = <uint8_t *>take(&batch.arena, room)
        end = write_answer(batch, plan, start) if start != NULL else NULL
        if end == NULL:
            return None
        result = PyBytes_FromStringAndSize(<char *>start, end - start)
    else:
        result = PyBytes_FromStringAndSize(NULL, room)
        start = <uint8_t *>PyBytes_AS_STRING(<object>result)
        if batch.length < RELEASE:
            end = write_answer(batch, plan, start)
        else:
            with nogil:
                end = write_answer(batch, plan, start)
        if end == NULL:
            Py_DECREF(<object>result)
            return None
        _PyBytes_Resize(&result, end - start)
    statement = <object>result
    Py_DECREF(statement)
    return statement


cdef object transform_or_none(bytes document):
    """The answer to a document, or None to fall back to app.core."""
    cdef Batch batch
    cdef Plan plan
    cdef const uint8_t *start = <const uint8_t *>PyBytes_AS_STRING(document)
    cdef uint64_t length = PyBytes_GET_SIZE(document)
    cdef bint good
    if length >> 32:
        return None
    open_arena(&batch.arena, length)
    try:
        if length < RELEASE:
            good = parse_and_prepare(&batch, &plan, start, length)
        else:
            with nogil:
                good = parse_and_prepare(&batch, &plan, start, length)
        return write_result(&batch, &plan) if good else None
    finally:
        close_arena(&batch.arena)


def transform(document: bytes) -> bytes:
    """Answer a batch with its statement, or fall back to app.core and raise what that raises."""
    answer = transform_or_none(document)
    if answer is None:
        count_one(&fallbacks)
        return reference(document)
    return answer


def provenance() -> dict[str, object]:
    """The path that runs, and how many documents fell back to app.core since the process began."""
    return {"path": PATH.decode(), "fallbacks": counted(&fallbacks)}


def widest() -> str:
    """The name of the widest path that this processor runs."""
    return widest_path().decode()


fill_fours()
plant(0, int.from_bytes(urandom(8), "little"))
plant(1, int.from_bytes(urandom(8), "little"))
