# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True, subinterpreters_compatible=own_gil
include "core.pxi"
