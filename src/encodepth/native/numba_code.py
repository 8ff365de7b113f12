"""What needs numba itself: its compiler, and that it takes our functions for its own."""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core.datamodel import default_manager
from numba.core.registry import cpu_target
from numba.core.typing.typeof import typeof_impl

from .calling import Native
from .compiler import Compiled, Known

njit: Any = numba.njit  # which takes options that type checkers have not heard of
_BITS = {8: "b", 16: "h", 32: "i", 64: "q"}


@typeof_impl.register(Compiled)
def _typeof_compiled(value: Compiled, context: Any) -> Any:
    return types.Dispatcher(value.real)


@typeof_impl.register(Known)
def _typeof_known(value: Known, context: Any) -> Any:
    typing = cpu_target.typing_context
    if not value.imported:
        value.real  # noqa: B018  its import may teach numba something
        typing.refresh()
        cpu_target.target_context.refresh()
    return typing.resolve_value_type(value.real)


def compile_for(function: Any, args: tuple[Any, ...]) -> Native:
    """Compile a numba function for such arguments.

    Raises:
        NotImplementedError: it returns what has no letter.
    """
    kinds = tuple(numba.typeof(arg) for arg in args)
    function.compile(kinds)
    made = function.overloads[kinds]
    packer = cpu_target.target_context.get_arg_packer(kinds)
    takes = "".join(_letter(kind) for kind in packer.argument_types)
    returned: Any = made.signature.return_type
    parts: Any = returned if isinstance(returned, types.BaseTuple) else (returned,)
    gives = "" if returned == types.none else "".join(map(_of_result, parts))
    symbol = made.fndesc.llvm_func_name
    return Native(symbol, takes, gives, made.library._get_compiled_object())


def _of_result(kind: Any) -> str:
    if isinstance(kind, types.Boolean):
        return "?"
    return _letter(default_manager[kind].get_data_type())


def _letter(kind: Any) -> str:
    """Return the letter of a type of LLVM's."""
    if isinstance(kind, ir.PointerType):
        return "p"
    if isinstance(kind, ir.IntType):
        return _BITS[kind.width]
    if isinstance(kind, ir.FloatType | ir.DoubleType):
        return "f" if isinstance(kind, ir.FloatType) else "d"
    raise NotImplementedError(f"no letter for {kind}")
