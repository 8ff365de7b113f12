"""A run that is killed without warning goes on from its last checkpoint, bit for bit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from encodepth.train import checkpoint
from train_tools import loop_of

SETTINGS = ["log.checkpoint=1", "schedule.steps=20", "model.planes=['color']"]
WORKER = """
import sys
from train_tools import loop_of

loop_of(sys.argv[1], settings=eval(sys.argv[2])).run()
"""


def test_a_kill_at_any_moment_costs_at_most_the_steps_since_the_checkpoint(tmp_path):
    folder = tmp_path / "killed"
    path = folder / checkpoint.NAME
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
        "PYTHONPATH": os.pathsep.join(str(p) for p in (Path(__file__).parent, *sys.path)),
    }
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder), repr(SETTINGS)], env=environment
    )
    while not path.exists() and worker.poll() is None:
        time.sleep(0.01)
    time.sleep(0.37)  # somewhere in a step or a save
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    state = checkpoint.load(path)  # whole, whatever the kill interrupted
    assert state.step >= 1
    resumed = loop_of(folder, settings=SETTINGS)
    assert resumed.step == state.step
    resumed.run()
    loop_of(tmp_path / "unbroken", settings=SETTINGS).run()
    expected = checkpoint.load(tmp_path / "unbroken" / checkpoint.NAME)
    found = checkpoint.load(path)
    assert found.step == expected.step == 20
    assert all(torch.equal(v, found.model[k]) for k, v in expected.model.items())
    assert all(torch.equal(v, found.ema[k]) for k, v in expected.ema.items())
