"""The whole library in five calls: read a pair, encode, look, decode, write."""

from pathlib import Path

import encodepth

SAMPLES = Path(__file__).parents[1] / "samples"

image = encodepth.read(
    SAMPLES / "desk" / "color.webp",
    SAMPLES / "desk" / "depth.png",
    depth_unit=0.0002,  # metres per step: TUM stores 5000 per metre
    intrinsics=(517.3, 516.5, 318.6, 255.3),
)
data = encodepth.encode(image, quality=60)
for stream in encodepth.inspect(data).streams:
    print(f"{stream.modality:6}{stream.bytes:7,} bytes, {stream.how}")

decoded = encodepth.decode(data)
encodepth.write(decoded, "color.png", "depth.png")
print(f"{len(data):,} bytes in all; wrote color.png and depth.png")
