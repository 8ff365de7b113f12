"""From a TOML file and `--set key=value` to a `Recipe`, and back to plain data."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ..errors import EncodepthError
from .config import Recipe


def load_recipe(path: str | Path, settings: Iterable[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        path: the TOML file.
        settings: "key=value" with dotted keys ("schedule.steps=200"), applied over the file; the
            value is TOML, or a plain word.

    Raises:
        EncodepthError: the file, a key or a value cannot be used.
    """
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise EncodepthError(f"cannot read recipe {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EncodepthError(f"{path} is no TOML: {error}") from None
    return make_recipe(table, settings, where=str(path))


def make_recipe(table: Mapping[str, Any], settings: Iterable[str] = (), where: str = "") -> Recipe:
    """Build a recipe from plain data, as `load_recipe`; `where` opens every message."""
    own: dict[str, Any] = _copy(table)
    try:
        for setting in settings:
            _set(own, setting)
        return _build(Recipe, own, "")
    except ValueError as error:
        raise EncodepthError(f"{where}: {error}" if where else str(error)) from None


def resolved(recipe: Recipe) -> dict[str, Any]:
    """Return every setting as plain data; `make_recipe(resolved(r)) == r`."""
    return dataclasses.asdict(recipe)


def _set(table: dict[str, Any], setting: str) -> None:
    key, sign, text = setting.partition("=")
    if not sign or not key:
        raise ValueError(f'"{setting}" is no setting; expected key=value')
    known = _keys(Recipe)
    if key not in known:
        leaf = key.rsplit(".", 1)[-1]
        same = [k for k in known if k.rsplit(".", 1)[-1] == leaf]
        if len(same) == 1:
            raise ValueError(f'unknown key "{key}"; did you mean "{same[0]}"?')
        raise ValueError(_unknown(key, same or known))
    *groups, leaf = key.split(".")
    for group in groups:
        table = table.setdefault(group, {})
    try:
        table[leaf] = tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        table[leaf] = text


def _build(cls: type, table: Any, prefix: str) -> Any:
    """Turn a table into a dataclass, checking names and types on the way."""
    if not isinstance(table, Mapping):
        raise ValueError(f"{prefix or 'the recipe'} must be a table")
    types_of = get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for key in table:
        if key not in fields:
            raise ValueError(_unknown(f"{prefix}{key}", [f"{prefix}{f}" for f in fields]))
    for name, field in fields.items():
        if name not in table and field.default is dataclasses.MISSING:
            raise ValueError(f"{prefix}{name} is missing")
    values = {k: _convert(types_of[k], v, f"{prefix}{k}") for k, v in table.items()}
    try:
        return cls(**values)
    except ValueError as error:
        raise ValueError(f"[{prefix[:-1]}] {error}" if prefix else str(error)) from None


def _convert(kind: Any, value: Any, key: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _build(kind, value, f"{key}.")  # type: ignore[arg-type]
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        if value not in args:
            options = ", ".join(f'"{a}"' for a in args)
            raise ValueError(f'{key} is "{value}"; expected one of {options}')
        return value
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{key} is {value!r}; expected a list")
        inner = [args[0]] * len(value) if args[-1] is Ellipsis else list(args)
        if len(inner) != len(value):
            raise ValueError(f"{key} has {len(value)} entries; expected {len(inner)}")
        return tuple(_convert(t, v, key) for t, v in zip(inner, value, strict=True))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"{key} is {value!r}; expected {_word(kind)}")
    return value


def _word(kind: type) -> str:
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    return words.get(kind, str(kind))


def _keys(cls: type, prefix: str = "") -> list[str]:
    """Every dotted key that `--set` can reach."""
    keys = []
    for name, kind in get_type_hints(cls).items():
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            keys += _keys(kind, f"{prefix}{name}.")
        else:
            keys.append(f"{prefix}{name}")
    return keys


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.3)
    return f'unknown key "{key}"' + (f'; did you mean "{near[0]}"?' if near else "")


def _copy(value: Any) -> Any:
    """Copy tables, so that settings never reach into the caller's."""
    if isinstance(value, Mapping):
        return {k: _copy(v) for k, v in value.items()}
    return [_copy(v) for v in value] if isinstance(value, (list, tuple)) else value
