"""Functions compiled to machine code: by numba once, called without it ever after.

compiler.py   a Python function with its options; what compiled code knows by name
calling.py    arguments as machine code takes them
store.py      where machine code is kept: one file for a function and the types of its arguments
"""

from __future__ import annotations

from .compiler import Known, compiled, inlined

__all__ = ["Known", "compiled", "inlined"]
