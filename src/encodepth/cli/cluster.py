"""A job on a Ray cluster: Ray hands items to machines, and again to others when a process dies.

Every machine has encodepth installed and sees the same output folder.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from .. import __version__
from ..errors import EncodepthError
from .jobs import Item, Job, Outcome

LOCAL = "local"
TRIES = 4  # times that an item is begun, if the process that codes it dies
_AHEAD = 1000  # items that Ray knows of, so that a cluster that grows on demand can see it has to


def run_on_ray(
    job: Job[Item], address: str, items: Iterable[Item]
) -> Iterator[tuple[Item, Outcome]]:
    """Yield items with their outcomes as they are done.

    Args:
        job: whose `jobs` is how many cores an item gets.
        address: "local" for the cores of this machine, else a cluster's: "auto", "HOST:PORT" ..
        items: what is done.

    Raises:
        EncodepthError: Ray is not installed, or no cluster answers.
    """
    if address == LOCAL:  # Ray reads these when it is imported
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # tell nobody
        os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")  # a busy machine is no failure
    ray = need_ray()
    _connect(ray, address, job.jobs)
    try:
        work = ray.remote(num_cpus=job.jobs, max_retries=TRIES - 1)(_work)
        own, left = uuid.uuid4().hex, iter(items)
        running: dict[Any, Item] = {}
        while True:
            for item in islice(left, _AHEAD - len(running)):
                running[work.remote(own, job.start, job.work, __version__, item)] = item
            if not running:
                return
            for done in ray.wait([*running])[0]:
                item = running.pop(done)
                yield item, _outcome(ray, done)
    finally:
        ray.shutdown()  # what has not begun is dropped


def need_ray() -> Any:
    """Return the package ray.

    Raises:
        EncodepthError: it is not installed.
    """
    try:
        import ray
    except ModuleNotFoundError:
        raise EncodepthError(
            "--ray needs the package ray; pip install 'encodepth[ray]' on every machine"
        ) from None
    return ray


def _connect(ray: Any, address: str, cores: int) -> None:
    """Start a cluster on this machine, or join one.

    Raises:
        EncodepthError: there is none, or no machine can have so many cores.
    """
    quiet = {"log_to_driver": False, "logging_level": "error"}
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns of GPUs
    _reach(address)
    try:
        if address == LOCAL:
            ray.init(address=LOCAL, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except Exception as error:  # of any kind, according to which part of Ray fails
        raise _none_at(address, error) from None
    most = max((node["Resources"].get("CPU", 0) for node in ray.nodes()), default=0)
    if address == LOCAL and cores > most:
        ray.shutdown()
        raise EncodepthError(f"-j {cores} with --ray local, which has {most:.0f} cores")


def _reach(address: str) -> None:
    """Knock at HOST:PORT, at which Ray itself would wait for minutes.

    Raises:
        EncodepthError: nothing answers there.
    """
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except OSError as error:
            raise _none_at(address, error) from None


def _none_at(address: str, error: Exception) -> EncodepthError:
    words = " ".join(str(error).split())[:200] or type(error).__name__
    return EncodepthError(
        f"no Ray cluster at {address}: {words}; ray start --head begins one, --ray local needs none"
    )


_kept: dict[str, Any] = {}  # what this process made at the start of a job, by the job


def _work(
    own: str,
    start: Callable[[], Any],
    work: Callable[[Any, Any], Outcome],
    version: str,
    item: Any,
) -> Outcome:
    """Do one item in a process of the cluster."""
    if version != __version__:
        words = f"a machine of the cluster has encodepth {__version__}, this one {version}"
        return Outcome(error=f"{words}; install the same on all", ends=True)
    if own not in _kept:
        _kept.clear()
        _kept[own] = start()
    return work(_kept[own], item)


def _outcome(ray: Any, done: Any) -> Outcome:
    try:
        found: Outcome = ray.get(done)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ModuleNotFoundError):
            words = " ".join(str(error.cause).split())
            return Outcome(error=f"a machine of the cluster lacks encodepth: {words}", ends=True)
        raise error.cause from error
    except ray.exceptions.RayError as error:
        words = type(error).__name__
        return Outcome(
            error=f"its process died {TRIES} times ({words}); perhaps memory ran out, and more "
            "cores for each (-j) leave room"
        )
    return found
