"""Round trips through each real package, by its own reader and writer. Two minutes, with ray.

    python -m runs.gates.round_trips [--only lerobot mcap]

Runs the tests that read and write by the package itself, and records its version and what came of
each in results/round_trips.json, beside what stands there of packages that this environment lacks.
No environment of ours has all of them: lerobot needs Python 3.12 and a torch of its own.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

from ..common import RESULTS, ROOT, keep, options, show

TESTS = {  # package: tests that go through it
    "rosbags": (
        "tests/test_ros_bags.py::test_every_kind_of_bag_becomes_the_same_frames",
        "tests/test_ros_bags.py::test_a_recording_goes_back_to_a_bag_with_stamps_units_cameras_topics",
    ),
    "mcap-ros2-support": (
        "tests/test_ros_bags.py::test_mcap_is_read_and_written_as_the_mcap_package_does",
    ),
    "lerobot": (
        "tests/test_lerobot.py::test_the_package_opens_what_goes_back",
        "tests/test_lerobot.py::test_samples_equal_those_of_the_package_itself",
    ),
    "webdataset": ("tests/test_torch_recordings.py::test_webdataset_itself_takes_the_decoder",),
    "h5py": ("tests/test_torch_recordings.py::test_bytes_from_hdf5_and_lmdb_are_read",),
    "lmdb": ("tests/test_torch_recordings.py::test_bytes_from_hdf5_and_lmdb_are_read",),
    "tfrecord": ("tests/test_torch_recordings.py::test_bytes_from_tfrecord_are_read",),
    "ray": ("tests/test_ray.py",),
}
_COUNT = re.compile(r"(\d+) (passed|failed|skipped|error)")


def main() -> None:
    parser = options(__doc__, output=RESULTS / "round_trips.json")
    parser.add_argument("--only", nargs="+", choices=TESTS, default=[*TESTS])
    args = parser.parse_args()
    known = json.loads(args.output.read_text())["packages"] if args.output.exists() else {}
    found = {}
    for name in (name for name in args.only if is_here(name)):
        found[name] = tried(name)
        keep(args.output, {"packages": dict(sorted((known | found).items()))})
    show([{"package": name, **row} for name, row in found.items()])
    sys.exit(any(row["failed"] or not row["passed"] for row in found.values()))


def is_here(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def tried(package: str) -> dict[str, object]:
    """Run the tests of a package and count what came of them."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", *TESTS[package]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    counts = {what: int(n) for n, what in _COUNT.findall(done.stdout.splitlines()[-1])}
    return {
        "version": version(package),
        "python": platform.python_version(),
        "passed": counts.get("passed", 0),
        "failed": counts.get("failed", 0) + counts.get("error", 0),
        "skipped": counts.get("skipped", 0),
    }


if __name__ == "__main__":
    main()
