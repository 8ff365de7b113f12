"""Eight or sixteen integers at once, for compiled code: a processor's vector registers.

numba unrolls short loops before they can be vectorised, so what has to be quick says it in lanes.
They are values of compiled functions only, int32 or int64, and live in registers. They know
+ - * & | ^ << >> with lanes or one integer for all; integers wrap as in numpy.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic as _intrinsic
from numba.extending import lower_builtin, models, register_model

intrinsic: Any = _intrinsic  # which calls without its first argument, unseen by type checkers

_INT32, _INT64 = ir.IntType(32), ir.IntType(64)


class Lanes(types.Type):
    """The numba type of so many integers of so many bits."""

    def __init__(self, count: int, bits: int) -> None:
        self.count, self.bits = count, bits
        super().__init__(name=f"int{bits}x{count}")

    @property
    def vector(self) -> Any:
        """LLVM's type."""
        return ir.VectorType(ir.IntType(self.bits), self.count)

    def of(self, bits: int) -> Lanes:
        """Return the type of as many integers of other bits."""
        return Lanes(self.count, bits)


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        super().__init__(manager, lanes, lanes.vector)


def _loader(count: int) -> Any:
    @intrinsic
    def load(typing: Any, rows: Any, row: Any) -> Any:
        """Return rows[row] of an int32 (n, count), or what follows rows[row] of an int32 (n,)."""
        lanes = Lanes(count, 32)

        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.load(_pointer(context, builder, sig, args, lanes), align=4)

        return lanes(rows, row), build

    return load


def _filler(count: int) -> Any:
    @intrinsic
    def same(typing: Any, value: Any) -> Any:
        """Return int32 lanes that all hold a value."""
        lanes = Lanes(count, 32)

        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return _splat(context, builder, lanes, sig.args[0], args[0])

        return lanes(value), build

    return same


load8, load16 = _loader(8), _loader(16)
same8, same16 = _filler(8), _filler(16)


@intrinsic
def store(typing: Any, rows: Any, row: Any, lanes: Any) -> Any:
    """Set what `load` returns."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _pointer(context, builder, sig, args, lanes), align=4)
        return context.get_dummy_value()

    return types.void(rows, row, lanes), build


@intrinsic
def put_lane(typing: Any, lanes: Any, k: Any, value: Any) -> Any:
    """Return the lanes with another value in lane k."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        one = context.cast(builder, args[2], sig.args[2], types.Integer(f"int{lanes.bits}"))
        return builder.insert_element(args[0], one, args[1])

    return lanes(lanes, k, value), build


@intrinsic
def get_lane(typing: Any, lanes: Any, k: Any) -> Any:
    """Return lane k of int32 lanes."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.sext(builder.extract_element(*args), _INT64)

    return types.int64(lanes, k), build


@intrinsic
def wide(typing: Any, lanes: Any) -> Any:
    """Return int32 lanes as int64."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.sext(args[0], lanes.of(64).vector)

    return lanes.of(64)(lanes), build


@intrinsic
def narrow(typing: Any, lanes: Any) -> Any:
    """Return the low halves of int64 lanes."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.trunc(args[0], lanes.of(32).vector)

    return lanes.of(32)(lanes), build


@intrinsic
def at_most(typing: Any, lanes: Any, limits: Any) -> Any:
    """Return the smaller of two, lane by lane."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _smaller(builder, *args)

    return lanes(lanes, limits), build


@intrinsic
def clip(typing: Any, lanes: Any, limits: Any) -> Any:
    """Return each lane brought into -limit..limit."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value, least = _smaller(builder, *args), builder.neg(args[1])
        return builder.select(builder.icmp_signed(">", value, least), value, least)

    return lanes(lanes, limits), build


@intrinsic
def size_of(typing: Any, lanes: Any) -> Any:
    """Return the absolute values."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        zero = ir.Constant(lanes.vector, None)
        minus = builder.icmp_signed("<", args[0], zero)
        return builder.select(minus, builder.neg(args[0]), args[0])

    return lanes(lanes), build


@intrinsic
def high_half(typing: Any, lanes: Any) -> Any:
    """Return int32 lanes, taken as unsigned, divided by 65536."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.lshr(args[0], ir.Constant(lanes.vector, [16] * lanes.count))

    return lanes(lanes), build


@intrinsic
def total(typing: Any, lanes: Any) -> Any:
    """Return the sum of lanes, which their type holds."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        one = ir.IntType(lanes.bits)
        kind = ir.FunctionType(one, [lanes.vector])
        add = f"llvm.vector.reduce.add.v{lanes.count}i{lanes.bits}"
        found = builder.call(cgutils.get_or_insert_function(builder.module, kind, add), args)
        return found if lanes.bits == 64 else builder.sext(found, _INT64)

    return types.int64(lanes), build


@intrinsic
def prefetch(typing: Any, array: Any, place: Any) -> Any:
    """Ask for the memory of array[place], which is used soon; this changes nothing but time."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        pointer = builder.bitcast(builder.gep(data, [args[1]]), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, _INT32, _INT32, _INT32])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(ask, [pointer, *(ir.Constant(_INT32, n) for n in (1, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, place), build


def _pointer(context: Any, builder: Any, sig: Any, args: Any, lanes: Lanes) -> Any:
    """Return where a row of an array begins, or a place in a flat one, as a pointer to lanes."""
    array, place = context.make_array(sig.args[0])(context, builder, args[0]), args[1]
    if sig.args[0].ndim > 1:
        place = builder.mul(place, ir.Constant(place.type, lanes.count))
    return builder.bitcast(builder.gep(array.data, [place]), lanes.vector.as_pointer())


def _splat(context: Any, builder: Any, lanes: Lanes, kind: Any, value: Any) -> Any:
    """Return lanes that all hold a value of some integer type."""
    one = context.cast(builder, value, kind, types.Integer(f"int{lanes.bits}"))
    first = builder.insert_element(ir.Constant(lanes.vector, None), one, ir.Constant(_INT32, 0))
    places = ir.Constant(ir.VectorType(_INT32, lanes.count), None)
    return builder.shuffle_vector(first, first, places)


def _smaller(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.icmp_signed("<", one, other), one, other)


def _operator(op: Callable[..., Any], instruction: str) -> None:
    """Teach numba an operator of lanes."""

    @infer_global(op)
    class _Typing(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            if isinstance(args[0], Lanes) and isinstance(args[1], Lanes | types.Integer):
                return signature(args[0], *args)
            return None

    @lower_builtin(op, Lanes, Lanes)
    @lower_builtin(op, Lanes, types.Integer)
    def _build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        lanes, other = sig.args
        second = args[1]
        if not isinstance(other, Lanes):
            second = _splat(context, builder, lanes, other, second)
        return getattr(builder, instruction)(args[0], second)


for _op, _instruction in (
    (operator.add, "add"),
    (operator.iadd, "add"),
    (operator.sub, "sub"),
    (operator.mul, "mul"),
    (operator.and_, "and_"),
    (operator.or_, "or_"),
    (operator.xor, "xor"),
    (operator.ixor, "xor"),
    (operator.lshift, "shl"),
    (operator.rshift, "ashr"),
):
    _operator(_op, _instruction)
