"""What fuzzing found worth keeping: every parser takes it or says in one line why not."""

from pathlib import Path

import pytest

from runs.gates.fuzz_targets import TARGETS, attempt

CORPUS = Path(__file__).parent / "fuzz-corpus"


@pytest.mark.parametrize("name", TARGETS)
def test_every_kept_input_is_taken_or_refused(name):
    kept = sorted((CORPUS / name).iterdir())
    assert kept
    for path in kept:
        attempt(name, path.read_bytes())
