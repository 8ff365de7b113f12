"""Every option of encoding, in one place: its range, its words, and what contradicts what.

The library takes these as keywords and the command makes its options from them, so both refuse the
same things. `Settings.check` wants to know what the picture has; messages name an option the way
the caller writes it.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from . import codings
from .errors import InvalidSettingError
from .modalities import IMAGE, PLANES
from .plan import EXACT, LOSSY

DEFAULT_QUALITY = 50
_LEAST_SMOOTH = 2  # steps of a bound, half of which smoothing has
TUNES = ("ssim", "psnr")
MAX_STEPS = 32767  # of an error bound; beyond it every depth may become one value anyway

_OLD = {  # words of version 0.1: coding of colour, of depth
    "learned": ("learned", "restored"),
    "avif": ("av1", "av1"),
    "jxl": ("jpegxl", "surface"),
    "auto": ("auto", "auto"),
}


@dataclass(frozen=True)
class Option:
    """How the command shows a setting."""

    metavar: str
    help: str
    kind: type = int
    low: int | None = None
    high: int | None = None
    words: tuple[str, ...] = ()  # where it is one of these


def _setting(default: Any, metavar: str, help: str, **more: Any) -> Any:
    return field(default=default, metadata={"option": Option(metavar, help, **more)})


@dataclass(frozen=True)
class Settings:
    """What is asked of a file.

    Attributes:
        quality: 0 (small) .. 100 (good) of lossy streams; 50 if None.
        depth_quality: the same for depth alone; `quality` if None.
        target_bytes: what the whole file may have at most.
        target_rmse: millimetres, root of the mean squared error of depth.
        lossless: modalities that are kept exactly.
        max_depth_error: millimetres that no measured depth pixel may be off by.
        smooth: whether the decoder smooths depth within the bound, of which half is kept for it.
        near, far: metres; depth outside becomes holes.
        coding: modality -> name of its coding, or "auto".
        effort: 1 (fast) .. 9 (small).
        tune: of `TUNES`: which error of lossy colour AV1 makes small for its bytes, that of
            structure or the squared one; None is "ssim", "psnr" in recordings.

    Raises:
        InvalidSettingError: a value is out of its range.
    """

    quality: int | None = _setting(
        None, "Q", "0 is smallest, 100 is best.  [default: 50]", low=0, high=100
    )
    depth_quality: int | None = _setting(None, "Q", "The same for depth alone.", low=0, high=100)
    target_bytes: int | None = _setting(
        None,
        "N",
        "Search the quality: the whole file has at most N bytes, and not much less (3 %).",
        low=1,
    )
    target_rmse: float | None = _setting(
        None,
        "MM",
        "Search depth's quality: its error (root mean square) is MM, within 3 %.",
        kind=float,
    )
    lossless: tuple[str, ...] = ()
    max_depth_error: float | None = _setting(
        None,
        "MM",
        "No measured depth pixel is off by more; checked before the file is written.",
        kind=float,
    )
    smooth: bool = _setting(
        False,
        "",
        "Half of --max-depth-error is left to the decoder, which smooths depth within it.",
        kind=bool,
    )
    near: float | None = _setting(
        None, "M", "Depth nearer than M metres becomes a hole.", kind=float
    )
    far: float | None = _setting(None, "M", "Depth beyond M metres becomes a hole.", kind=float)
    coding: Mapping[str, str] = field(default_factory=dict)
    effort: int = _setting(7, "E", "1 is fast, 9 is small.  [default: 7]", low=1, high=9)
    tune: str | None = _setting(
        None,
        "|".join(TUNES),
        "Which error of lossy colour is small for its bytes: the eye's, or the squared one.  "
        "[default: ssim, of recordings psnr]",
        kind=str,
        words=TUNES,
    )

    def __post_init__(self) -> None:
        for f in fields(self):
            option: Option | None = f.metadata.get("option")
            value = getattr(self, f.name)
            if option is not None and option.kind is bool:
                truth(f.name, value)
            elif option is not None and option.words:
                if value is not None and value not in option.words:
                    known = " or ".join(option.words)
                    raise InvalidSettingError(f"{f.name} is {value!r}; expected {known}")
            elif option is not None and value is not None:
                integer = option.kind is int
                read = (
                    whole(f.name, value, option.low, option.high)
                    if integer
                    else number(f.name, value)
                )
                object.__setattr__(self, f.name, read)

    @classmethod
    def of(
        cls,
        *,
        lossless: str | Iterable[str] = (),
        coding: str | Mapping[str, str] = "auto",
        coder: str | Mapping[str, str] | None = None,
        **rest: Any,
    ) -> Settings:
        """Make settings from the library's keywords.

        Args:
            lossless: "color", "depth", "both", or names.
            coding: a coding's name for all modalities, or one for each by name.
            coder: the same in the words of version 0.1 (learned, avif, jxl, auto).
            **rest: the other attributes.
        """
        for name, given in (("lossless", lossless), ("coding", coding)):
            if not isinstance(given, str | Iterable):
                raise InvalidSettingError(f"{name} is {given!r}; expected a name, or several")
        chosen = split_codings(coding) if coder is None else from_old(coder)
        return cls(lossless=modalities(lossless), coding=chosen, **rest)

    def ask(self, modality: str) -> str:
        """Return LOSSY or EXACT: what is wanted of a modality."""
        if modality not in IMAGE or modality in self.lossless:
            return EXACT
        if modality == "depth" and self.max_depth_error is not None:
            return EXACT
        name = self.coding.get(modality, "auto")
        return EXACT if name != "auto" and codings.find(name, modality).exact else LOSSY

    def bound(self, depth_unit: float, rounding: float = 0.0) -> int:
        """Return the error bound of depth in whole steps, rounded down.

        Args:
            depth_unit: metres per step.
            rounding: metres that valid pixels may be off already, from being rounded to steps.

        Raises:
            InvalidSettingError: rounding alone breaks what was asked for.
        """
        off = rounding * 1000
        if "depth" in self.lossless or self.max_depth_error is None:
            if off and "depth" in self.lossless:
                raise InvalidSettingError(
                    f"lossless depth, but floats were rounded to steps of {depth_unit * 1000:g} mm "
                    "and so are not exact; ask for a finer step (--depth-step), a bound, or leave "
                    "out what is far (--far)"
                )
            return 0
        if off > self.max_depth_error:
            raise InvalidSettingError(
                f"max_depth_error {self.max_depth_error:g} mm, but floats were rounded to steps of "
                f"{depth_unit * 1000:g} mm; ask for a finer step (--depth-step), or leave out what "
                "is far (--far)"
            )
        left = self.max_depth_error - off
        return int(min(left / 1000 / depth_unit + 1e-6, MAX_STEPS))

    def smoothing(self, bound: int) -> int:
        """Return how many steps of depth's bound are left to the decoder to smooth it by.

        Raises:
            InvalidSettingError: there is none to spare.
        """
        if not self.smooth:
            return 0
        if bound < _LEAST_SMOOTH:
            raise InvalidSettingError(
                f"smooth needs a bound of {_LEAST_SMOOTH} steps of depth or more; "
                f"{self.max_depth_error:g} mm is {bound}"
            )
        return bound // 2

    def check(self, held: Collection[str], say: Callable[[str], str] = str) -> None:
        """Refuse what contradicts itself, or would be ignored, for a picture.

        Args:
            held: modalities that the picture has.
            say: how a setting is called in messages.

        Raises:
            InvalidSettingError: names the settings.
        """
        self._check_numbers(say)
        self._check_held(held, say)
        self._check_depth(held, say)
        self._check_targets(held, say)

    def check_still(self, held: Collection[str]) -> None:
        """Refuse codings that work over time only.

        Raises:
            InvalidSettingError: one is asked for.
        """
        for name in held:
            coding = self.coding.get(name, "auto")
            if coding != "auto" and codings.find(coding, name).groups:
                raise InvalidSettingError(f"{name} by {coding} needs a recording, not one picture")

    def _check_numbers(self, say: Callable[[str], str]) -> None:
        bound, rmse = self.max_depth_error, self.target_rmse
        if bound is not None and not (math.isfinite(bound) and bound >= 0):
            raise InvalidSettingError(
                f"{say('max_depth_error')} {bound:g} is no number of millimetres from 0 on"
            )
        if rmse is not None and not (math.isfinite(rmse) and rmse > 0):
            raise InvalidSettingError(
                f"{say('target_rmse')} {rmse:g} is no number of millimetres above 0"
            )

        for name in ("near", "far"):
            metres = getattr(self, name)
            if metres is not None and not (math.isfinite(metres) and metres >= 0):
                raise InvalidSettingError(f"{say(name)} {metres:g} is no distance in metres")
        if self.near is not None and self.far is not None and self.near > self.far:
            raise InvalidSettingError(
                f"{say('near')} {self.near:g} m lies beyond {say('far')} {self.far:g} m"
            )

    def _check_held(self, held: Collection[str], say: Callable[[str], str]) -> None:
        words = {"color": "colour picture", "depth": "depth map"}
        for name in self.lossless:
            if name not in held:
                asked = "both" if len(self.lossless) > 1 else name
                raise InvalidSettingError(
                    f"{say('lossless')} {asked}, but there is no {words.get(name, name)}"
                )
        for name in ("depth_quality", "max_depth_error", "target_rmse", "near", "far"):
            if getattr(self, name) is not None and "depth" not in held:
                raise InvalidSettingError(f"{say(name)}, but there is no depth map")
        if self.tune is not None:
            self._check_tune(held, say)

    def _check_tune(self, held: Collection[str], say: Callable[[str], str]) -> None:
        coding = self.coding.get("color", "auto")
        if "color" not in held:
            raise InvalidSettingError(f"{say('tune')}, but there is no colour picture")
        if self.ask("color") == EXACT:
            raise InvalidSettingError(
                f"{say('tune')} has no meaning for colour that is kept exactly"
            )
        if coding == "learned":
            raise InvalidSettingError(f"{say('tune')} is AV1's; color by {coding} has none")

    def _check_depth(self, held: Collection[str], say: Callable[[str], str]) -> None:
        bound, exact = self.max_depth_error, "depth" in self.lossless
        if bound is not None and exact:
            asked = "both" if len(self.lossless) > 1 else "depth"
            raise InvalidSettingError(
                f"{say('max_depth_error')} and {say('lossless')} {asked} contradict each other"
            )
        if self.smooth and bound is None:
            raise InvalidSettingError(
                f"{say('smooth')} works within a bound; give {say('max_depth_error')}"
            )
        if self.depth_quality is not None and (bound is not None or exact):
            raise InvalidSettingError(
                f"{say('depth_quality')} has no meaning for depth with a bound or lossless"
            )
        for name in held:
            coding = self.coding.get(name, "auto")
            if coding == "auto" or codings.find(coding, name).exact:
                continue
            if name in self.lossless or (name == "depth" and bound is not None):
                kept = "neither a bound nor every pixel" if name == "depth" else "not every pixel"
                raise InvalidSettingError(f"{name} by {coding} can keep {kept}")

    def _check_targets(self, held: Collection[str], say: Callable[[str], str]) -> None:
        lossy = [name for name in held if self.ask(name) == LOSSY]
        rmse, fixed = self.target_rmse, self.depth_quality is not None
        if rmse is not None and (fixed or "depth" not in lossy):
            raise InvalidSettingError(
                f"{say('target_rmse')} searches a quality of depth, and there is none to search"
            )
        if self.target_bytes is None:
            return
        if self.quality is not None:
            raise InvalidSettingError(
                f"{say('quality')} and {say('target_bytes')} contradict each other"
            )
        if "color" not in lossy and ("depth" not in lossy or rmse is not None or fixed):
            raise InvalidSettingError(
                f"{say('target_bytes')} searches a quality, and there is none to search"
            )


def modalities(value: str | Iterable[str]) -> tuple[str, ...]:
    """Return modalities of a picture from "color", "depth", "both" or several names.

    Raises:
        InvalidSettingError: there is no such modality.
    """
    named = IMAGE if value == "both" else (value,) if isinstance(value, str) else tuple(value)
    for name in named:
        if name not in IMAGE:
            raise InvalidSettingError(f'no modality "{name}"; there are {" and ".join(IMAGE)}')
    return tuple(name for name in IMAGE if name in named)


def wanted_streams(streams: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the modalities that a caller wants of a file: "color", "depth", "both", names, or all.

    Raises:
        InvalidSettingError: there is no such modality.
    """
    if streams is None:
        return (*IMAGE, *PLANES)
    if streams == "both":
        return IMAGE
    named = (streams,) if isinstance(streams, str) else tuple(streams)
    for name in named:
        if name not in (*IMAGE, *PLANES):
            known = " and ".join((*IMAGE, *PLANES))
            raise InvalidSettingError(f'no modality "{name}"; there are {known}')
    return named


def from_old(value: str | Mapping[str, str]) -> dict[str, str]:
    """Return the codings that version 0.1 called by a coder's name.

    Raises:
        InvalidSettingError: there was no such coder.
    """
    chosen = dict.fromkeys(IMAGE, value) if isinstance(value, str) else dict(value)
    modalities(chosen)
    for name in chosen.values():
        if name not in _OLD:
            raise InvalidSettingError(f'no coder "{name}"; there are {", ".join(_OLD)}')
    return {k: _OLD[name][IMAGE.index(k)] for k, name in chosen.items()}


def split_codings(value: str | Mapping[str, str]) -> dict[str, str]:
    """Return the coding of each modality that was named; one name is for all that it codes.

    Raises:
        InvalidSettingError: there is no such coding, or it does not code that modality.
    """
    if value == "auto":
        return {}
    if isinstance(value, str):
        able = [
            k for r in codings.CODINGS for k in r.modalities if r.name == value and not r.explicit
        ]
        able = [k for k in IMAGE if k in able]
        if not able:
            raise InvalidSettingError(_unknown(value))
        return dict.fromkeys(able, value)
    if not isinstance(value, Mapping):
        raise InvalidSettingError(f"coding is {value!r}; expected a name, or one by modality")
    modalities(value)
    for kind, name in value.items():
        if name == "auto":
            continue
        try:
            codings.find(name, kind)
        except ValueError as error:
            raise InvalidSettingError(str(error)) from None
    return dict(value)


def _unknown(name: str) -> str:
    known = ", ".join(n for n in codings.names() if n not in codings.names("mask"))
    return f'no coding "{name}"; there are auto, {known}'


def number(name: str, value: Any) -> float:
    """Return a number, of whatever type of real numbers it was.

    Raises:
        InvalidSettingError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InvalidSettingError(f"{name} {value!r} is not a number")
    return float(value)


def truth(name: str, value: Any) -> bool:
    """Return True or False as it is.

    Raises:
        InvalidSettingError: it is something else.
    """
    if not isinstance(value, bool):
        raise InvalidSettingError(f"{name} is {value!r}; expected True or False")
    return value


def whole(name: str, value: Any, low: int | None = None, high: int | None = None) -> int:
    """Return a whole number from `low` to `high`, of whatever type of number it was.

    Raises:
        InvalidSettingError: it is none.
    """
    least, most = (-math.inf if low is None else low), (math.inf if high is None else high)
    try:
        if not isinstance(value, bool) and value == int(value) and least <= value <= most:
            return int(value)
    except (TypeError, ValueError, OverflowError):
        pass
    reach = "" if low is None else f" from {low} on" if high is None else f" within {low}..{high}"
    raise InvalidSettingError(f"{name} {value} is not a whole number{reach}")
