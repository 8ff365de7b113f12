"""Two processes over gloo: the gradients of one process with the doubled batch."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import torch

from encodepth.train import checkpoint, run
from train_tools import TINY

# Noise is drawn per process, so the comparison is made without it.
WORKER = """
import sys
from encodepth.networks import plane
from encodepth.train.recipe import make_recipe
from encodepth.train.run import train

plane._noisy = lambda x: x
print(*train(make_recipe(eval(sys.argv[1])), quiet=True, cpu=True))
"""
TABLE = {
    **TINY,
    "data": {
        **TINY["data"],
        "train": [{"kind": "generated", "count": 2, "size": [64, 64]}],
    },
    "augment": {"flip_x": 0.5},
    "schedule": {"steps": 2},
}


def test_two_processes_take_the_steps_of_one_with_the_doubled_batch(tmp_path):
    table = {**TABLE, "data": {**TABLE["data"], "packs": str(tmp_path / "packs")}}
    alone = {**table["optimiser"], "batch": 4}
    printed = _launch({**table, "optimiser": alone, "output": str(tmp_path / "one")}, 1)
    assert printed == [str(tmp_path / "one" / run.WEIGHTS)]
    printed = _launch({**table, "output": str(tmp_path / "two")}, 2)
    assert printed == [str(tmp_path / "two" / run.WEIGHTS), ""]
    one, two = (checkpoint.load(tmp_path / n / checkpoint.NAME) for n in ("one", "two"))
    assert one.step == two.step == 2
    compared = 0
    for name, kept in one.optimiser.items():
        # Adam's first moment is a running mean of the averaged gradients.
        a, b = kept["exp_avg"], two.optimiser[name]["exp_avg"]
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-4 * float(a.abs().max()) + 1e-9), name
        compared += float(a.abs().max()) > 0
    assert compared > 50


def _launch(table, processes):
    """Run so many processes as torchrun would start them; return what each of them prints."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {
        **os.environ, "WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
        "ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(Path(__file__).parents[1] / "src"),
    }  # fmt: skip
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, repr(table)],
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]
    try:
        printed = []
        for worker in workers:
            said, errors = worker.communicate(timeout=300)
            assert worker.returncode == 0, errors
            printed.append(said.strip())
        return printed
    finally:
        for worker in workers:
            worker.kill()
