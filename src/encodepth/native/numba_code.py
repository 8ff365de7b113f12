"""What needs numba itself: its compiler, and that it takes our functions for its own.

Of a function that only compiled code calls numba would make machine code which nobody runs. Here
LLVM optimizes and translates what Python calls, with all that it calls in it, and nothing else.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.datamodel import default_manager
from numba.core.registry import cpu_target
from numba.core.typed_passes import InlineOverloads, NativeLowering, NopythonRewrites
from numba.core.typing.typeof import typeof_impl
from numba.core.untyped_passes import InlineClosureLikes, InlineInlinables, WithLifting

from .calling import Native
from .compiler import Compiled, Known

# For array expressions, comprehensions and `with`, of which compiled functions have none.
_NOT_NEEDED = (
    InlineClosureLikes,
    InlineInlinables,
    InlineOverloads,
    NopythonRewrites,
    WithLifting,
)
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


def njit(function: Any, **options: Any) -> Any:
    """Return numba's function."""
    numbas: Any = numba.njit  # takes options that type checkers have not heard of
    return numbas(function, pipeline_class=_Compiler, **options)


class _Library(JITCodeLibrary):
    """LLVM's code of a function and of all that it calls."""

    def _optimize_final_module(self) -> None:
        """Leave it to whoever calls the function, which is then a part of that."""

    def _finalize_final_module(self) -> None:
        self._finalized = True

    @property
    def codegen(self) -> Any:
        """What numba tells where its Python objects are, which our code has none of."""
        return _NoObjects()

    def whole(self) -> bytes:
        """Return an object file."""
        super()._optimize_final_module()
        self._final_module.verify()
        return bytes(self._codegen._tm.emit_object(self._final_module))


class _NoObjects:
    def set_env(self, name: str, objects: object) -> None:
        pass


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):
    _name = "encodepth_lowering"

    def run_pass(self, state: Any) -> bool:
        state.library = _Library(state.targetctx.codegen(), state.func_id.func_qualname)
        return bool(super().run_pass(state))


class _Compiler(CompilerBase):
    def define_pipelines(self) -> list[Any]:
        made = PassManager("encodepth")
        for kind, what in DefaultPassBuilder.define_nopython_pipeline(self.state).passes:
            if kind not in _NOT_NEEDED:
                made.add_pass(_Lowering if kind is NativeLowering else kind, what)
        made.finalize()
        return [made]


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
    return Native(symbol, takes, gives, made.library.whole())


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
