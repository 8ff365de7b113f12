"""Decode damaged files, pictures and recordings, each under a limit of time and memory.

    python -m runs.gates.damage [--count 10000] [--seed 0] [--first 0] [--model NAME_OR_FILE]

Time: 4 minutes for ten thousand on one core. A later call with --first adds to the record.

A file is cut, flipped, flipped and resealed with a right checksum, given hostile header fields, or
given another stream's payload; of a recording chunks, prefixes and single streams are damaged and
resealed too. Each decodes or ends in one EncodepthError of one line, within 10 seconds of processor
time and 1 GiB beyond what the process held before. Workers are forked; one that is killed by the
clock, the memory limit or a crash is a failure of the file it was at. Exits with 1 on any failure.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import struct
import sys
import time
from argparse import Namespace
from collections import Counter
from pathlib import Path

from encodepth import Codec, EncodepthError
from runs.common import RESULTS, keep, options

from .damage_recordings import RECORDING_WAYS, read_all, whole_recordings
from .damage_ways import WAYS, whole_files

SECONDS, MEMORY, BATCH = 10, 1 << 30, 500
WALL_SECONDS = 600  # should something wait without computing; a loaded machine does not fail this
Files = tuple[list[bytes], list[bytes]]  # pictures, recordings


def damaged(index: int, seed: int, files: Files) -> tuple[str, bytes]:
    """Return (way, bytes) of the damaged file of that number; every third is a recording."""
    rng = random.Random(f"{seed}/{index}")
    held, ways = (files[1], RECORDING_WAYS) if index % 3 == 2 else (files[0], WAYS)
    way = ways[index // 3 % len(ways)]
    return way.__name__, way(rng, rng.choice(held), held)


def work(indices: range, seed: int, files: Files, codec: Codec, pipe: int) -> None:
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
        if data[4:5] == b"\2":
            return read_all(data)
        codec.decode(data)
    except EncodepthError as error:
        lines = str(error).splitlines()
        return type(error).__name__ if len(lines) == 1 else f"FAILED: {len(lines)} lines of error"
    except BaseException as error:
        return f"FAILED: {type(error).__name__}: {' '.join(str(error).split())[:100]}"
    return "decoded"


def run_batch(
    start: int, stop: int, seed: int, files: Files, codec: Codec
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
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", help="damage learned files of this model too")
    args = parser.parse_args()
    codec = Codec(args.model) if args.model else Codec()
    chosen = codec if args.model else None
    files = whole_files(chosen), whole_recordings(chosen)
    for data in [*files[0], *files[1]]:  # compiles, once, here, and not in every worker
        if attempt(codec, data) != "decoded":
            raise SystemExit("a whole file does not decode")
    results: list[tuple[int, str, float]] = []
    end = args.first + args.count
    for start in range(args.first, end, BATCH):
        results += run_batch(start, min(start + BATCH, end), args.seed, files, codec)
        record(args, results)
    return report(args, files, results)


def record(args: Namespace, results: list[tuple[int, str, float]]) -> None:
    """Keep what is known so far, added to earlier calls of the same seed and model."""
    outcomes = Counter(outcome for _, outcome, _ in results)
    bad = sum(count for outcome, count in outcomes.items() if outcome.startswith("FAILED"))
    ways = {
        "files": len(results),
        "failures": bad,
        "slowest_ms": round(max(ms for _, _, ms in results)),
        "largest_process_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "outcomes": dict(outcomes.most_common()),
    }
    call = {"seed": args.seed, "model": args.model, "first": args.first}
    earlier = []
    if args.first and args.output.exists():
        earlier = [
            c for c in json.loads(args.output.read_text())["calls"] if c["first"] != args.first
        ]
    calls = [*earlier, call | ways]
    total = sum(c["files"] for c in calls)
    keep(
        args.output, {"files": total, "failures": sum(c["failures"] for c in calls), "calls": calls}
    )


def report(args: Namespace, files: Files, results: list[tuple[int, str, float]]) -> int:
    """Print what became of the files; return the exit status."""
    outcomes = Counter(outcome for _, outcome, _ in results)
    failed = [(i, outcome) for i, outcome, _ in results if outcome.startswith("FAILED")]
    slowest = max(ms for _, _, ms in results)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    for outcome, count in outcomes.most_common():
        print(f"{count:6d}  {outcome}")
    whole = f"{len(files[0])} pictures and {len(files[1])} recordings"
    print(f"{len(results)} damaged files of {whole}, {len(failed)} failures")
    print(f"slowest {slowest:.0f} ms; largest process {peak} MiB")
    for index, outcome in failed[:20]:
        print(f"  file {index} ({damaged(index, args.seed, files)[0]}): {outcome}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
