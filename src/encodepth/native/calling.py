"""Arguments and results as machine code takes and gives them, as numba lays them out.

An array is seven numbers or more: two pointers that only counting references needs, how many
elements, bytes of one, where they are, the shape, the strides. A tuple is its parts, one after the
other. A function returns how it went, and writes its result where the first argument points.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

TYPES: dict[str, Any] = {
    "p": ctypes.c_void_p,
    "?": ctypes.c_bool,
    "b": ctypes.c_int8,
    "h": ctypes.c_int16,
    "i": ctypes.c_int32,
    "q": ctypes.c_int64,
    "f": ctypes.c_float,
    "d": ctypes.c_double,
}
_ROWS, _COLUMNS, _EITHER = 1, 2, 0x501  # numpy's flags: C, Fortran, C with aligned and writeable
_WELL = (0, -2)  # with a result, with None


def read(values: Sequence[Any], kinds: list[str], flat: list[Any]) -> None:
    """Append what tells the values' types, and the values as numbers.

    Args:
        values: arrays, integers, bools, floats, None, and tuples of them.
        kinds: what compiled code depends on; equal ones can be coded by the same code.
        flat: numbers and addresses. An address is good as long as the value is kept.

    Raises:
        TypeError: compiled code cannot be given such a value.
    """
    for value in values:
        if isinstance(value, np.ndarray):
            kind, flags = value.dtype, value.flags.num
            order = "" if kind.isnative else kind.byteorder
            layout = flags & (_EITHER if flags & _ROWS else _EITHER | _COLUMNS)
            kinds.append(f"{order}{kind.char}{value.ndim}.{layout}")
            flat += (None, None, value.size, value.itemsize, value.ctypes.data)
            flat += value.shape
            flat += value.strides
        elif isinstance(value, tuple):
            kinds.append(f"{type(value).__name__}(")
            read(value, kinds, flat)
            kinds.append(")")
        elif isinstance(value, bool | np.bool_):
            kinds.append("bool")
            flat.append(int(value))
        elif isinstance(value, int):
            kinds.append("q")  # as np.int64
            flat.append(value)
        elif isinstance(value, np.generic):
            kinds.append("q" if value.dtype == np.int64 else value.dtype.char)
            flat.append(value.item())
        elif value is None:
            kinds.append("None")
            flat.append(None)
        elif isinstance(value, float):
            kinds.append("float")
            flat.append(value)
        else:
            raise TypeError(f"compiled code cannot be given a {type(value).__name__}")


class Native(NamedTuple):
    """Machine code.

    Attributes:
        symbol: the function's name in it.
        takes: the types of its arguments, letters of `TYPES`.
        gives: the types of its result: none, one, or those of a tuple.
        code: an object file.
    """

    symbol: str
    takes: str
    gives: str
    code: bytes


def door(native: Native, name: str) -> Callable[[list[Any]], Any]:
    """Return what calls machine code.

    Args:
        native: the code.
        name: for messages.

    Returns:
        A function of what `read` appends. It lets other threads run meanwhile.
    """
    place = ctypes.c_void_p
    takes = [TYPES[kind] for kind in native.takes]
    code = ctypes.CFUNCTYPE(ctypes.c_int32, place, place, *takes)(_load(native))
    fields = [(f"_{k}", TYPES[kind]) for k, kind in enumerate(native.gives)]
    result = type("Result", (ctypes.Structure,), {"_fields_": fields or [("_", place)]})

    def call(flat: list[Any]) -> Any:
        found, trouble = result(), ctypes.c_void_p()
        status = code(ctypes.byref(found), ctypes.byref(trouble), *flat)
        if status not in _WELL:
            raise RuntimeError(f"{name} failed with {status}")
        if len(fields) < 2:
            return found._0 if fields else None
        return tuple(getattr(found, field) for field, _ in fields)

    return call


_engines: list[Any] = []  # one for each piece of code, alive as long as the process


def _load(native: Native) -> int:
    """Return the address of machine code."""
    from llvmlite import binding

    if not _engines:
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
    triple = binding.get_process_triple()
    machine = binding.Target.from_triple(triple).create_target_machine(jit=True)
    empty = binding.parse_assembly(f'target triple = "{triple}"')
    engine = binding.create_mcjit_compiler(empty, machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(native.code))
    engine.finalize_object()
    _engines.append(engine)
    return int(engine.get_function_address(native.symbol))
