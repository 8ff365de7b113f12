"""Decode ten thousand damaged files, each under a limit of time and memory.

    python -m runs.gates.damage [--count 10000] [--seed 0] [--model NAME_OR_FILE]

Time: 10 minutes on one core.

A file is cut, flipped, flipped and resealed with a right checksum, given hostile header fields, or
given another stream's payload. Each decodes or ends in one EncodepthError of one line, within 10
seconds of processor time and 1 GiB beyond what the process held before. Workers are forked; one
that is killed by the clock, the memory limit or a crash is a failure of the file it was at. Exits
with 1 on any failure. Writes results/damage.json.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from encodepth import Codec, EncodepthError, RgbdImage, encode
from encodepth.container.still import Still
from encodepth.container.stream import Stream
from runs.common import RESULTS, keep, options

SECONDS, MEMORY, BATCH = 10, 1 << 30, 100
WALL_SECONDS = 60  # should something wait without computing; a loaded machine does not fail this
SIZES = ((16384, 8192), (65535, 2048), (2048, 65535), (1, 65535), (8192, 8192), (1, 1))
Damage = Callable[[random.Random, bytes, list[bytes]], bytes]


def pair(height: int = 240, width: int = 320) -> RgbdImage:
    """A textured room corner with ragged holes."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    depth = (3000 - 4 * np.minimum(y, 240) + 2 * x + rng.integers(0, 12, y.shape)).astype(np.uint16)
    depth[(x - 160) ** 2 + (y - 120) ** 2 < 3000] = 900
    ragged = np.abs(x - 160 + rng.integers(-3, 4, y.shape)) < 8
    depth[ragged & (y > 60)] = 0
    color = np.stack([x % 256, y % 256, (x * y // 64) % 256], -1).astype(np.uint8)
    return RgbdImage(color, depth)


def whole_files(codec: Codec | None) -> list[bytes]:
    """Return files of every coding, small and middling, to be damaged."""
    image, small = pair(), pair(33, 47)
    files = [
        encode(image, coding="av1", quality=40),
        encode(image, lossless="both", effort=3),
        encode(RgbdImage(depth=image.depth, depth_unit=0.0002), max_depth_error=2, effort=3),
        encode(RgbdImage(depth=image.depth // 300 * 300), lossless="depth", effort=3),
        encode(RgbdImage(depth=image.depth), lossless="depth"),
        encode(RgbdImage(depth=np.where(image.depth > 0, 7, 0).astype(np.uint16))),
        encode(small, coding="av1"),
        encode(small, lossless="both"),
    ]
    if codec is not None:
        files += [
            codec.encode(pair(480, 640), coding="learned", quality=70),
            codec.encode(image, coding="learned", quality=40),
            codec.encode(image, coding={"color": "av1", "depth": "restored"}),
            codec.encode(small, coding="learned", quality=90),
            codec.encode(pair(48, 64), coding="learned", quality=0),
            codec.encode(RgbdImage(pair(64, 96).color), coding="learned", quality=100),
            codec.encode(RgbdImage(depth=pair(64, 96).depth), coding="learned"),
        ]
    return files


def cut(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    return data[: rng.randrange(len(data))]


def flip(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    out = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def flip_and_seal(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    return seal(flip(rng, data[:-4], []))


def header_and_seal(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    out = bytearray(data[:-4])
    for _ in range(rng.randint(1, 3)):
        out[rng.randrange(4, min(len(out), 60))] = rng.choice(
            [0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)]
        )
    return seal(out)


def cut_payload(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    return with_payload(rng, data, lambda old: old[: rng.randrange(len(old) + 1)])


def random_payload(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    return with_payload(
        rng, data, lambda old: old[: rng.randint(0, 9)] + rng.randbytes(rng.randint(0, 4000))
    )


def other_payload(rng: random.Random, data: bytes, files: list[bytes]) -> bytes:
    other = rng.choice(Still.parse(rng.choice(files)).streams)
    return with_payload(rng, data, lambda _: other.payload)


def constant_payload(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    byte = bytes([rng.choice([0, 0xFF, rng.randrange(256)])])
    return with_payload(
        rng, data, lambda old: old[: rng.randint(0, 16)] + byte * rng.randint(0, 4000)
    )


def hostile_size(rng: random.Random, data: bytes, _: list[bytes]) -> bytes:
    container = Still.parse(data)
    size = rng.choice(SIZES)
    if rng.random() < 0.3:
        size = (rng.randint(1, 2000), rng.randint(1, 2000))
    return replace(container, sizes=dict.fromkeys(container.sizes, size)).serialize()


def damaged_bytes(rng: random.Random, data: bytes) -> bytes:
    """Return bytes one of which is another."""
    at = rng.randrange(len(data))
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def swapped_fields(rng: random.Random, data: bytes, files: list[bytes]) -> bytes:
    """Give a stream the fields of another file's stream of the same kind, or other numbers."""
    container, other = Still.parse(data), Still.parse(rng.choice(files))
    streams = []
    try:
        for stream in container.streams:
            match = next((s for s in other.streams if s.modality == stream.modality), None)
            if match is not None and rng.random() < 0.5:
                stream = replace(match, payload=stream.payload, references=())
            elif stream.parameters:
                stream = replace(stream, parameters=damaged_bytes(rng, stream.parameters))
            streams.append(stream)
        return replace(container, streams=tuple(streams)).serialize()
    except (ValueError, EncodepthError):
        return header_and_seal(rng, data, files)


WAYS: list[Damage] = [
    cut,
    flip,
    flip_and_seal,
    header_and_seal,
    cut_payload,
    random_payload,
    other_payload,
    constant_payload,
    hostile_size,
    swapped_fields,
]


def seal(body: bytes | bytearray) -> bytes:
    return bytes(body) + zlib.crc32(body).to_bytes(4, "little")


def with_payload(rng: random.Random, data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    container = Still.parse(data)
    streams: list[Stream] = list(container.streams)
    at = rng.randrange(len(streams))
    try:
        streams[at] = replace(streams[at], payload=change(streams[at].payload))
    except (ValueError, EncodepthError):  # the container says itself that this cannot be
        return header_and_seal(rng, data, [])
    return replace(container, streams=tuple(streams)).serialize()


def damaged(index: int, seed: int, files: list[bytes]) -> tuple[str, bytes]:
    """Return (way, bytes) of the damaged file of that number."""
    rng = random.Random(f"{seed}/{index}")
    way = WAYS[index % len(WAYS)]
    return way.__name__, way(rng, rng.choice(files), files)


def work(indices: range, seed: int, files: list[bytes], codec: Codec, pipe: int) -> None:
    """Decode files one by one under the limits; write (index, outcome, ms) for each to the pipe."""
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    for index in indices:
        _, data = damaged(index, seed, files)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)
        start = time.process_time()
        outcome = attempt(codec, data)
        elapsed = time.process_time() - start
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        line = f"{index}\t{outcome}\t{elapsed * 1000:.1f}\n".encode()
        os.write(pipe, struct.pack("<I", len(line)) + line)


def attempt(codec: Codec, data: bytes) -> str:
    try:
        codec.decode(data)
    except EncodepthError as error:
        lines = str(error).splitlines()
        return type(error).__name__ if len(lines) == 1 else f"FAILED: {len(lines)} lines of error"
    except BaseException as error:
        return f"FAILED: {type(error).__name__}: {' '.join(str(error).split())[:100]}"
    return "decoded"


def run_batch(
    start: int, stop: int, seed: int, files: list[bytes], codec: Codec
) -> list[tuple[int, str, float]]:
    """Run a batch in a forked worker, in another if that one dies."""
    results: list[tuple[int, str, float]] = []
    while start < stop:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            try:
                work(range(start, stop), seed, files, codec, writer)
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            while head := pipe.read(4):
                index, outcome, ms = pipe.read(struct.unpack("<I", head)[0]).decode().split("\t")
                results.append((int(index), outcome, float(ms)))
                start = int(index) + 1
        _, status = os.waitpid(child, 0)
        if start < stop:
            name = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else status
            results.append((start, f"FAILED: worker ended by {name}", SECONDS * 1000.0))
            start += 1
    return results


def main() -> int:
    parser = options(__doc__, output=RESULTS / "damage.json")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", help="damage learned files of this model too")
    args = parser.parse_args()
    import torch

    import encodepth.learned.models  # noqa: F401  once, here, and not in every worker

    torch.set_num_threads(1)  # a fork does not take the threads along
    codec = Codec(args.model, device="cpu") if args.model else Codec()
    files = whole_files(codec if args.model else None)
    results: list[tuple[int, str, float]] = []
    for start in range(0, args.count, BATCH):
        stop = min(start + BATCH, args.count)
        results += run_batch(start, stop, args.seed, files, codec)
    outcomes = Counter(outcome for _, outcome, _ in results)
    failed = [(i, outcome) for i, outcome, _ in results if outcome.startswith("FAILED")]
    slowest = max(ms for _, _, ms in results)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    for outcome, count in outcomes.most_common():
        print(f"{count:6d}  {outcome}")
    print(f"{len(results)} damaged files of {len(files)} whole ones, {len(failed)} failures")
    print(f"slowest {slowest:.0f} ms; largest process {peak} MiB")
    for index, outcome in failed[:20]:
        print(f"  file {index} ({damaged(index, args.seed, files)[0]}): {outcome}")
    record = {
        "files": len(results),
        "seed": args.seed,
        "model": args.model,
        "outcomes": dict(outcomes.most_common()),
        "failures": len(failed),
        "slowest_ms": round(slowest),
        "largest_process_mib": peak,
    }
    keep(args.output, record)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
