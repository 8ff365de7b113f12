"""Log frames as a robot would: one Codec, no depth pixel off by more than 5 mm, holes as holes."""

from pathlib import Path

import numpy as np

import encodepth

SAMPLES = Path(__file__).parents[1] / "samples"
BOUND_MM = 5

codec = encodepth.Codec()  # keeps weights between frames
Path("log").mkdir(exist_ok=True)
for i, name in enumerate(("table", "livingroom")):
    frame = encodepth.read(next((SAMPLES / name).glob("color.*")), SAMPLES / name / "depth.png")
    data = codec.encode(frame, quality=50, max_depth_error=BOUND_MM)
    Path(f"log/{i:06}.rgbd").write_bytes(data)

    depth = codec.decode(data, streams="depth").depth
    assert frame.depth is not None
    assert depth is not None
    error_mm = np.abs(depth.astype(float) - frame.depth) * frame.depth_unit * 1000
    holes = np.array_equal(depth == 0, frame.depth == 0)
    print(f"{name}: {len(data):,} bytes, worst {error_mm.max():.1f} mm, holes kept: {holes}")
