"""What `auto` means: for a modality, what is asked of it and an effort, the codings that are tried.

A row names the program that chose it, so that nobody has to believe it.
"""

from __future__ import annotations

from dataclasses import dataclass

from .modalities import PLANES

LOSSY, EXACT = "lossy", "exact"  # within a bound is exact coding after values have been merged


@dataclass(frozen=True)
class Plan:
    """A row.

    Attributes:
        modality, ask: what it is for; `ask` is LOSSY or EXACT.
        efforts: lowest and highest that it is for.
        codings: by name; the first that can serve a plane does.
        rival: an exact coding of depth whose merged values take the place of the lossy stream
            where they are smaller at no more error; "" for none.
        run: the program whose figures chose it.
        smallest: whether all of `codings` are tried and the smallest result taken.
        alone: of depth in recordings, a coding of single pictures that takes the place of the first
            of `codings` in groups where that costs less at equal error; "" for none.
        filters: of depth in recordings, post-filters over the first of `codings` and over `alone`.
    """

    modality: str
    ask: str
    efforts: tuple[int, int]
    codings: tuple[str, ...]
    run: str
    rival: str = ""
    smallest: bool = False
    alone: str = ""
    filters: tuple[str, ...] = ()


_CHOICE = "runs/choices/choose_coder.py"
_SPEED = "runs/results/speed"
_LEARNED = "runs/results/exact_depth.py"

PLANS = (
    Plan("color", LOSSY, (1, 6), ("av1",), _CHOICE),
    Plan("color", LOSSY, (7, 9), ("restored",), "runs/results/restored_color.py"),
    Plan("color", EXACT, (1, 9), ("jpeg", "jpegxl"), "runs/gates/check_promises.py"),
    Plan("depth", LOSSY, (1, 3), ("av1", "quick"), _CHOICE),
    Plan("depth", LOSSY, (4, 5), ("av1", "mixed"), _CHOICE, rival="mixed"),
    Plan("depth", LOSSY, (6, 6), ("av1", "surface"), _CHOICE, rival="surface"),
    Plan("depth", LOSSY, (7, 7), ("restored", "surface"), _CHOICE, rival="surface"),
    Plan("depth", LOSSY, (8, 9), ("restored", "surface-learned"), _CHOICE, rival="surface-learned"),
    Plan("depth", EXACT, (1, 2), ("quick",), _SPEED),
    Plan("depth", EXACT, (3, 5), ("mixed",), _SPEED),
    Plan("depth", EXACT, (6, 7), ("surface",), _SPEED),
    Plan("depth", EXACT, (8, 9), ("surface-learned",), _LEARNED),
    Plan("mask", EXACT, (1, 9), ("contexts",), _SPEED),
    *(Plan(name, EXACT, (1, 2), ("quick",), _SPEED) for name in PLANES),
    *(Plan(name, EXACT, (3, 5), ("mixed",), _SPEED) for name in PLANES),
    *(Plan(name, EXACT, (6, 9), ("mixed", "jpegxl"), _SPEED, smallest=True) for name in PLANES),
)


_TIME = "runs/results/over_time.py"
_DEPTH_TIME = "runs/results/depth_over_time.py"

OVER_TIME = (
    Plan("color", LOSSY, (1, 9), ("av1-inter",), "runs/results/restored_groups.py"),
    Plan("depth", LOSSY, (1, 3), ("av1-inter", "quick"), _TIME, alone="av1"),
    Plan("depth", LOSSY, (4, 5), ("av1-inter", "mixed"), _TIME, alone="av1", rival="mixed"),
    Plan(
        "depth",
        LOSSY,
        (6, 7),
        ("av1-inter", "surface-inter"),
        _TIME,
        alone="av1",
        rival="surface-inter",
    ),
    Plan(
        "depth",
        LOSSY,
        (8, 9),
        ("av1-inter", "surface-learned-inter"),
        _TIME,
        alone="av1",
        rival="surface-learned-inter",
        filters=("restored-inter", "restored"),
    ),
    Plan("depth", EXACT, (6, 7), ("surface-inter",), _DEPTH_TIME),
    Plan("depth", EXACT, (8, 9), ("surface-learned-inter",), _DEPTH_TIME),
    Plan("mask", EXACT, (1, 2), ("contexts",), _TIME),
    Plan("mask", EXACT, (3, 9), ("contexts-inter",), _TIME),
    *(p for p in PLANS if p.ask == EXACT and p.modality != "mask"),
)

LIVE = (  # each frame as it comes: colour leans on frames before, all else stands alone
    Plan("color", LOSSY, (1, 9), ("av1-inter",), _SPEED),
    *(p for p in PLANS if (p.modality, p.ask) != ("color", LOSSY)),
)


def plan(
    modality: str,
    ask: str,
    effort: int,
    coding: str = "auto",
    *,
    over_time: bool = False,
    live: bool = False,
) -> Plan:
    """Return what is tried.

    Args:
        modality: its name.
        ask: LOSSY or EXACT.
        effort: 1..9.
        coding: the one that was asked for by name, or "auto".
        over_time: whether for a recording's groups of pictures.
        live: whether for a recording's frames one by one.
    """
    found = next(
        p
        for p in (LIVE if live else OVER_TIME if over_time else PLANS)
        if p.modality == modality and p.ask == ask and p.efforts[0] <= effort <= p.efforts[1]
    )
    if coding == "auto":
        return found
    exact = () if ask == EXACT or modality == "color" else found.codings[-1:]
    return Plan(modality, ask, found.efforts, (coding, *exact), "asked for")
