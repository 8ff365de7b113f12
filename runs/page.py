"""The part of a page in docs/ that a run writes: what stands between two marks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from encodepth.files import write_file

END = "<!-- end -->"


def fill_page(page: Path, start: str, lines: Sequence[str]) -> None:
    """Put lines between the mark `start` and the next END; exits if the page lacks one."""
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    _, end, after = rest.partition(END)
    if not end:
        sys.exit(f"{page} lacks the marks {start} and {END}")
    write_file(page, "\n".join([before + start, *lines, END + after]).encode())
