"""Keeping a thread's scheduling while a library runs that changes it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_priority() -> Iterator[None]:
    """Give this thread back the scheduling that it had.

    SVT-AV1 makes the thread that opens it a real-time one where it may, as root, and leaves it so:
    two such threads that wait for each other can keep two cores from everybody else, for ever.
    """
    if not hasattr(os, "sched_getscheduler"):  # of Linux alone, as is the harm
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, parameters)
