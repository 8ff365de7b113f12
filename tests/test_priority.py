"""Video encoders leave a thread the priority that it had."""

import os

import numpy as np
import pytest

pytest.importorskip("av", reason="needs encodepth[eval]")

from encodepth.evaluate.coders import streams
from encodepth.io.lerobot_video import write_video

if not hasattr(os, "sched_getscheduler"):
    pytest.skip("there is no such thing here", allow_module_level=True)

PICTURES = [np.full((64, 64, 3), 40 * i, np.uint8) for i in range(3)]


def test_a_codec_over_time_leaves_the_priority():
    streams.encode(PICTURES, streams.svt_av1(40))
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_a_video_of_a_dataset_leaves_the_priority(tmp_path):
    seen = []

    def frames():
        for i, picture in enumerate(PICTURES):
            seen.append(os.sched_getscheduler(0))
            yield picture, i / 30

    write_video(tmp_path / "video.mp4", frames(), {"video.codec": "av1"}, 30)
    assert {*seen, os.sched_getscheduler(0)} == {os.SCHED_OTHER}
