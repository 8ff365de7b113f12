"""Where the real data lies when the tests run beside it; tests skip when it does not."""

from pathlib import Path

SHARED = Path(__file__).parents[2] / "shared"
