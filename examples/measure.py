"""Measure codecs on pictures of your own, compare them, and make a page of it: three calls."""

from pathlib import Path

from encodepth.evaluate.compare import compare
from encodepth.evaluate.frames import find_frames
from encodepth.evaluate.runner import evaluate
from encodepth.report.page import report

SAMPLES = Path(__file__).parents[1] / "samples"

if __name__ == "__main__":  # with jobs=2, evaluate would start processes
    frames = list(find_frames(SAMPLES / "livingroom"))
    done = evaluate(["base+av1", "jpeg", "webp"], frames, [20, 50, 80], out="measured.jsonl")
    print(f"{done.written} records written, {done.found} already there")

    comparison = compare(["measured.jsonl"], "psnr", anchor="jpeg-turbo-420")
    for delta in comparison.deltas:
        if delta.bd_rate is not None:
            print(f"{delta.codec}: {delta.bd_rate:+.0f} % of the bits of JPEG at equal PSNR")
    print(report(["measured.jsonl"], "page"))
