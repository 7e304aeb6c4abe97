"""What Numba cannot express: loads, stores and bit operations at plain addresses, and records laid out there.

An address is an int64; eight bytes loaded as one number are a uint64. An expression that mixes the two becomes a float
in Numba. Nothing is checked: the caller guarantees that the bytes at an address are its own. Each function compiles to
a few instructions. None can be called from Python.
"""

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

Row = Any
"""A reference to a row, as the functions that `record` makes return it."""

kernel = numba.njit(nogil=True, error_model="numpy")
"""Compile a function in nopython mode, as a part of its callers."""
inlined = numba.njit(nogil=True, error_model="numpy", forceinline=True)
"""The same, always inlined: a call costs a dozen instructions and returns its results in memory."""

_WORD = ir.IntType(64)
_BYTE = ir.IntType(8)


def _pointer(builder: Any, address: Any, offset: int = 0) -> Any:
    return builder.inttoptr(builder.add(address, _WORD(offset)), ir.PointerType())


def _load(builder: Any, address: Any, offset: int = 0) -> Any:
    return builder.load(_pointer(builder, address, offset), typ=_WORD, align=1)


def _little_endian(text: bytes, offset: int = 0) -> Any:
    return _WORD(int.from_bytes(text[offset : offset + 8], "little"))


@intrinsic
def word(_context: Any, _address: Any) -> Any:
    """The eight bytes at an address, the first one lowest."""
    return types.uint64(types.int64), lambda _, builder, __, arguments: _load(builder, arguments[0])


@intrinsic
def byte(_context: Any, _address: Any) -> Any:
    """The byte at an address, as an int64."""

    def load(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.zext(builder.load(_pointer(builder, arguments[0]), typ=_BYTE), _WORD)

    return types.int64(types.int64), load


@intrinsic
def set_word(_context: Any, _address: Any, _value: Any) -> Any:
    """Write eight bytes at an address, the lowest one first."""

    def store(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        builder.store(arguments[1], _pointer(builder, arguments[0]), align=1)
        return context.get_dummy_value()

    return types.none(types.int64, types.uint64), store


@intrinsic
def set_byte(_context: Any, _address: Any, _value: Any) -> Any:
    """Write the low byte of an int64 at an address."""

    def store(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        builder.store(builder.trunc(arguments[1], _BYTE), _pointer(builder, arguments[0]))
        return context.get_dummy_value()

    return types.none(types.int64, types.int64), store


@intrinsic
def copy(_context: Any, _target: Any, _source: Any, _count: Any) -> Any:
    """Copy `count` bytes between places that do not overlap."""

    def call(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        target, source = (_pointer(builder, address) for address in arguments[:2])
        cgutils.raw_memcpy(builder, target, source, arguments[2], 1)
        return context.get_dummy_value()

    return types.none(types.int64, types.int64, types.int64), call


@intrinsic
def clear(_context: Any, _target: Any, _count: Any) -> Any:
    """Set `count` bytes to zero."""

    def call(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        cgutils.memset(builder, _pointer(builder, arguments[0]), arguments[1], 0)
        return context.get_dummy_value()

    return types.none(types.int64, types.int64), call


@intrinsic
def lowest_byte(_context: Any, _marks: Any) -> Any:
    """The index, 0 to 7, of the lowest byte of a word that is not zero; the word must not be zero."""

    def count(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.lshr(builder.cttz(arguments[0], ir.IntType(1)(1)), _WORD(3))

    return types.int64(types.uint64), count


@intrinsic
def lowest_bit(_context: Any, _bits: Any) -> Any:
    """The index, 0 to 63, of the lowest bit set; the word must not be zero."""
    return types.int64(types.uint64), lambda _, builder, __, arguments: builder.cttz(arguments[0], ir.IntType(1)(1))


@intrinsic
def swapped(_context: Any, _word: Any) -> Any:
    """A word with its bytes in the other order: as a number it then sorts as the bytes do."""
    return types.uint64(types.uint64), lambda _, builder, __, arguments: builder.bswap(arguments[0])


@intrinsic
def bit_length(_context: Any, _bits: Any) -> Any:
    """The number of bits that a number takes; 0 for zero."""

    def count(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.sub(_WORD(64), builder.ctlz(arguments[0], ir.IntType(1)(0)))

    return types.int64(types.uint64), count


@intrinsic
def bits_set(_context: Any, _bits: Any) -> Any:
    """The number of bits set in a word."""
    return types.int64(types.uint64), lambda _, builder, __, arguments: builder.ctpop(arguments[0])


@intrinsic
def copy_32(_context: Any, _target: Any, _source: Any) -> Any:
    """Copy 32 bytes between places that do not overlap."""
    block = ir.VectorType(_BYTE, 32)

    def move(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        target, source = (_pointer(builder, address) for address in arguments)
        builder.store(builder.load(source, typ=block, align=1), target, align=1)
        return context.get_dummy_value()

    return types.none(types.int64, types.int64), move


def _window(size: int) -> Any:
    """Make a function that compares `size` bytes at once; LLVM chooses the vectors for the processor."""

    @intrinsic(prefer_literal=True)
    def among(_context: Any, _address: Any, low: Any, high: Any) -> Any:
        """A word with a bit set for each byte at an address that is from `low` to `high`, both literals."""
        block = ir.VectorType(_BYTE, size)
        span = high.literal_value - low.literal_value

        def compare(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
            bytes_ = builder.load(_pointer(builder, arguments[0]), typ=block, align=1)
            above = builder.sub(bytes_, block([low.literal_value] * size))
            marks = builder.icmp_unsigned("<=", above, block([span] * size))
            return builder.zext(builder.bitcast(marks, ir.IntType(size)), _WORD)

        return types.uint64(types.int64, low, high), compare

    return among


among_16 = _window(16)
among_64 = _window(64)


def _equals(builder: Any, address: Any, expected: bytes) -> Any:
    """Compare the bytes at an address with a literal; eight bytes are read even for a shorter one."""
    last = len(expected) - 8
    if last < 0:
        found = builder.and_(_load(builder, address), _WORD((1 << 8 * len(expected)) - 1))
        return builder.icmp_unsigned("==", found, _little_endian(expected))
    differences = _WORD(0)
    for offset in [*range(0, last, 8), last]:
        difference = builder.xor(_load(builder, address, offset), _little_endian(expected, offset))
        differences = builder.or_(differences, difference)
    return builder.icmp_unsigned("==", differences, _WORD(0))


@intrinsic(prefer_literal=True)
def starts(_context: Any, _address: Any, text: Any) -> Any:
    """Tell whether the bytes at an address begin with a literal."""
    expected = text.literal_value.encode()
    return types.boolean(types.int64, text), lambda _, builder, __, arguments: _equals(builder, arguments[0], expected)


@intrinsic(prefer_literal=True)
def past(_context: Any, _address: Any, text: Any) -> Any:
    """The address behind a literal that stands at an address; nothing is compared."""
    length = len(text.literal_value.encode())
    return types.int64(types.int64, text), lambda _, builder, __, arguments: builder.add(arguments[0], _WORD(length))


@intrinsic(prefer_literal=True)
def match(_context: Any, _address: Any, text: Any) -> Any:
    """The address behind a literal, or 0 if other bytes stand at the address."""
    expected = text.literal_value.encode()

    def compare(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        behind = builder.add(arguments[0], _WORD(len(expected)), flags=["nuw"])  # so LLVM knows that it is not 0
        return builder.select(_equals(builder, arguments[0], expected), behind, _WORD(0))

    return types.int64(types.int64, text), compare


@intrinsic(prefer_literal=True)
def write_literal(_context: Any, _address: Any, text: Any) -> Any:
    """Write a literal at an address and return the address behind it; up to seven bytes more are overwritten."""
    written = text.literal_value.encode()

    def store(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        for offset in range(0, len(written), 8):
            builder.store(_little_endian(written, offset), _pointer(builder, arguments[0], offset), align=1)
        return builder.add(arguments[0], _WORD(len(written)))

    return types.int64(types.int64, text), store


def record(integers: str, words: str = "") -> tuple[Any, int]:
    """Define a row of named numbers, eight bytes each: a function that refers to a row, and a row's size in bytes.

    `integers` names the int64 fields, `words` the uint64 fields. The function takes the address of a table and an
    index. Setting a field of the row that it returns sets it in memory.
    """
    fields = [*((name, np.int64) for name in integers.split()), *((name, np.uint64) for name in words.split())]
    size = 8 * len(fields)
    row_type = numba.from_dtype(np.dtype(fields))

    @intrinsic
    def row(_context: Any, _table: Any, _index: Any) -> Any:
        def refer(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
            table = builder.inttoptr(arguments[0], context.get_value_type(row_type))
            return builder.gep(table, [builder.mul(arguments[1], _WORD(size))], source_etype=_BYTE)

        return row_type(types.int64, types.int64), refer

    return row, size
