"""The LLVM code of `lanes.py`: the type of lanes, what is done with them, and their operators.

`lanes.py` has a name for each function here without an underscore.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic as _intrinsic
from numba.extending import lower_builtin, models, register_model

intrinsic: Any = _intrinsic  # which calls without its first argument, unseen by type checkers

_INT32, _INT64 = ir.IntType(32), ir.IntType(64)
_SHORTS = 16  # int16 lanes of a register of AVX2


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


def _loader(count: int, bits: int = 32) -> Any:
    @intrinsic
    def load(typing: Any, rows: Any, row: Any) -> Any:
        """Return rows[row] of an array (n, count), or what follows rows[row] of one (n,)."""
        lanes = Lanes(count, bits)

        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.load(_pointer(context, builder, sig, args, lanes), align=bits // 8)

        return lanes(rows, row), build

    return load


def _filler(count: int, bits: int = 32) -> Any:
    @intrinsic
    def same(typing: Any, value: Any) -> Any:
        """Return lanes that all hold a value."""
        lanes = Lanes(count, bits)

        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return _splat(context, builder, lanes, sig.args[0], args[0])

        return lanes(value), build

    return same


load8, load16 = _loader(8), _loader(16)
load16_short, load32_short = _loader(16, 16), _loader(32, 16)
same4, same8, same16 = _filler(4), _filler(8), _filler(16)
same16_short, same32_short = _filler(16, 16), _filler(32, 16)


@intrinsic
def load_pair(typing: Any, rows: Any, k: Any) -> Any:
    """Return the k-th two neighbours of an int16 array, sixteen times, as lanes."""
    lanes = Lanes(32, 16)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        both = builder.bitcast(data, _INT32.as_pointer())
        two = builder.load(builder.gep(both, [args[1]]), align=2)
        many = _splat(context, builder, Lanes(16, 32), types.int32, two)
        return builder.bitcast(many, lanes.vector)

    return lanes(rows, k), build


@intrinsic
def store(typing: Any, rows: Any, row: Any, lanes: Any) -> Any:
    """Set what `load` returns."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, sig, args, lanes)
        builder.store(args[2], pointer, align=lanes.bits // 8)
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
    """Return lanes with twice the bits."""
    double = lanes.of(2 * lanes.bits)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.sext(args[0], double.vector)

    return double(lanes), build


@intrinsic
def narrow(typing: Any, lanes: Any) -> Any:
    """Return the low halves of int64 or int32 lanes."""
    half = lanes.of(lanes.bits // 2)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.trunc(args[0], half.vector)

    return half(lanes), build


@intrinsic
def join(typing: Any, first: Any, last: Any) -> Any:
    """Return the low halves of the lanes of both, one after the other, as twice as many."""
    half = first.of(first.bits // 2)
    lanes = Lanes(2 * half.count, half.bits)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        low = (builder.trunc(a, half.vector) for a in args)
        return builder.shuffle_vector(*low, _order(range(lanes.count)))

    return lanes(first, last), build


@intrinsic
def halves(typing: Any, lanes: Any) -> Any:
    """Return each of int32 lanes as two of int16, the low half first."""
    many = Lanes(2 * lanes.count, lanes.bits // 2)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], many.vector)

    return many(lanes), build


@intrinsic
def sum_pairs(typing: Any, one: Any, other: Any) -> Any:
    """Return the products of int16 lanes, of each two neighbours added: half as many int32."""
    lanes = Lanes(one.count // 2, 32)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        product = builder.mul(*(builder.sext(a, one.of(32).vector) for a in args))
        even, odd = _order(range(0, one.count, 2)), _order(range(1, one.count, 2))
        first = builder.shuffle_vector(product, product, even)
        return builder.add(first, builder.shuffle_vector(product, product, odd))

    return lanes(one, other), build


@intrinsic
def high_product(typing: Any, one: Any, other: Any) -> Any:
    """Return the products of int16 lanes divided by 65536, rounded down."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        product = builder.mul(*(builder.sext(a, one.of(32).vector) for a in args))
        shift = ir.Constant(one.of(32).vector, [16] * one.count)
        return builder.trunc(builder.ashr(product, shift), one.vector)

    return one(one, other), build


@intrinsic
def scaled(typing: Any, one: Any, other: Any) -> Any:
    """Return the products of int16 lanes divided by 32768, rounded; not both may be -32768."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        triple, _, features = context.codegen().magic_tuple()
        if triple.startswith("x86_64") and "+avx2" in features and one.count == _SHORTS * 2:
            return _scaled_by_avx2(builder, one, args)
        double = one.of(32).vector
        product = builder.mul(*(builder.sext(a, double) for a in args))
        half = ir.Constant(double, [1 << 14] * one.count)
        shift = ir.Constant(double, [15] * one.count)
        return builder.trunc(builder.ashr(builder.add(product, half), shift), one.vector)

    return one(one, other), build


def _scaled_by_avx2(builder: Any, lanes: Lanes, args: Any) -> Any:
    """Return `scaled` of 32 lanes by the instruction for it, which LLVM does not find by itself."""
    half = Lanes(_SHORTS, 16).vector
    kind = ir.FunctionType(half, [half] * 2)
    name = "llvm.x86.avx2.pmul.hr.sw"
    product = cgutils.get_or_insert_function(builder.module, kind, name)
    parts = []
    for first in (0, _SHORTS):
        order = _order(range(first, first + _SHORTS))
        parts.append(builder.call(product, [builder.shuffle_vector(a, a, order) for a in args]))
    return builder.shuffle_vector(*parts, _order(range(2 * _SHORTS)))


@intrinsic
def four_totals(typing: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Return the sums of four times sixteen int32 lanes, as four lanes."""
    lanes = Lanes(4, 32)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        def added(one: Any, other: Any, first: Any, second: Any) -> Any:
            pick = builder.shuffle_vector
            return builder.add(pick(one, other, _order(first)), pick(one, other, _order(second)))

        w, x, y, z = (added(k, k, range(8), range(8, 16)) for k in args)
        even, odd = (0, 2, 8, 10, 4, 6, 12, 14), (1, 3, 9, 11, 5, 7, 13, 15)
        all_four = added(added(w, x, even, odd), added(y, z, even, odd), even, odd)
        return added(all_four, all_four, range(4), range(4, 8))

    return lanes(a, b, c, d), build


@intrinsic
def plus(typing: Any, one: Any, other: Any) -> Any:
    """Return sums of int16 lanes that stay within -32768..32767."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(one.vector, [one.vector] * 2)
        add = f"llvm.sadd.sat.v{one.count}i{one.bits}"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, add), args)

    return one(one, other), build


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


def _order(places: Iterable[int]) -> Any:
    """Return which lanes a shuffle picks."""
    picked = list(places)
    return ir.Constant(ir.VectorType(_INT32, len(picked)), picked)


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
