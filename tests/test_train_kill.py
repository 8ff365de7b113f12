"""A run that is killed without warning goes on from its last checkpoint, bit for bit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from encodepth.train import checkpoint

SETTINGS = ["log.checkpoint=1", "schedule.steps=20"]
WORKER = """
import sys
from train_tools import loop_of

loop_of(sys.argv[1], settings=eval(sys.argv[2])).run()
"""


def start(folder):
    """Start a run, or go on with one, in a process with one thread and nobody else's settings."""
    paths = os.pathsep.join(str(p) for p in (Path(__file__).parent, *sys.path))
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder), repr(SETTINGS)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths},
    )


def test_a_kill_at_any_moment_costs_at_most_the_steps_since_the_checkpoint(tmp_path):
    folder = tmp_path / "killed"
    path = folder / checkpoint.NAME
    worker = start(folder)
    while not path.exists() and worker.poll() is None:
        time.sleep(0.01)
    time.sleep(0.37)  # somewhere in a step or a save
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    state = checkpoint.load(path)  # whole, whatever the kill interrupted
    assert state.step >= 1
    both = start(folder), start(tmp_path / "unbroken")
    assert [run.wait() for run in both] == [0, 0]
    expected = checkpoint.load(tmp_path / "unbroken" / checkpoint.NAME)
    found = checkpoint.load(path)
    assert found.step == expected.step == 20
    assert all(torch.equal(v, found.model[k]) for k, v in expected.model.items())
    assert all(torch.equal(v, found.ema[k]) for k, v in expected.ema.items())
