"""What is under way, once it takes longer than people wait without a word.

On a terminal one line is drawn over, elsewhere one is printed a minute; what is quick says nothing.
"""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType

from .jobs import draw, duration, wipe

_PATIENCE, _OFTEN, _SELDOM = 2.0, 0.5, 60.0  # seconds: silent at first; then between lines


class Waiting:
    """Tells what is being done and for how long. Use it in a `with` block.

    Args:
        what: the first step, in words.
        quiet: say nothing.
    """

    def __init__(self, what: str, quiet: bool) -> None:
        self._what, self._quiet = what, quiet
        self._over, self._drawn = threading.Event(), False
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def tell(self, what: str) -> None:
        """Go on with the next step."""
        self._what = what

    def __enter__(self) -> Waiting:
        if not self._quiet:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._over.set()
        if not self._quiet:
            self._thread.join()
        if self._drawn:
            wipe()

    def _watch(self) -> None:
        terminal, began = sys.stderr.isatty(), time.monotonic()
        pause = _PATIENCE if terminal else _SELDOM
        while not self._over.wait(pause):
            draw(f"{self._what}, {duration(time.monotonic() - began)} so far", terminal)
            self._drawn, pause = terminal, _OFTEN if terminal else _SELDOM
