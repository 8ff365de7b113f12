"""The command's very words: help, results, failures, exit statuses, and what is left on disk."""

from __future__ import annotations

import importlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

import encodepth
from encodepth.cli.main import VERBS

COMMAND = [sys.executable, "-m", "encodepth.cli.main"]
LOSSLESS = ("encode", "color.png", "depth.png", "--lossless", "both", "--effort", "1")
DOCS = Path(__file__).parents[1] / "docs" / "cli.md"

HELP = """\
Usage: encodepth [OPTIONS] VERB ...

  A codec for RGB-D pictures: colour and depth in one small file.

  `encodepth VERB -h` explains a verb.

Options:
  -V, --version  Show the version and exit.
  -h, --help     Show this message and exit.

Verbs:
"""


def read_files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file()}


def verb(name: str) -> click.Command:
    return importlib.import_module(f"encodepth.cli.{name}").command


# Help


def test_help_lists_every_verb_of_the_table(run):
    shown = run("--help")
    assert shown.status == 0
    assert shown.out.startswith(HELP)
    width = max(map(len, VERBS))
    listed = [f"  {name:{width}}  {line}" for name, line in VERBS.items()]
    assert shown.out == HELP + "\n".join(listed) + "\n"
    assert run("-h") == shown


def test_without_a_verb_the_help_goes_to_stderr(run):
    shown = run()
    assert (shown.status, shown.out) == (2, "")
    assert shown.err.startswith(HELP)


def test_version(run):
    assert run("-V").out == f"encodepth {encodepth.__version__}\n"


def test_every_verb_has_a_file_and_every_file_a_verb():
    files = {path.stem for path in Path(encodepth.__file__).parent.glob("cli/*.py")}
    helpers = {
        "__init__",
        "about",
        "against",
        "back",
        "bags",
        "cluster",
        "compiling",
        "jobs",
        "lerobot",
        "main",
        "many",
        "models_import",
        "options",
        "recording",
        "recordings",
        "shared",
        "unroll",
        "waiting",
        "whole",
    }
    assert files - helpers == set(VERBS)


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_explains_itself_and_all_its_options(run, name):
    shown = run(name, "-h")
    assert shown.status == 0
    assert verb(name).name == name
    assert verb(name).help
    for option in verb(name).params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.help, f"{option.name} has no help"
            assert option.opts[-1] in shown.out


@pytest.mark.parametrize("name", VERBS)
def test_the_page_on_the_command_names_every_option(name):
    page = DOCS.read_text(encoding="utf-8")
    section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
    command = verb(name)
    parts = [*command.commands.values()] if isinstance(command, click.Group) else [command]
    for option in (option for part in parts for option in part.params):
        for flag in option.opts if isinstance(option, click.Option) else ():
            assert f"`{flag}" in section or f" {flag}" in section, f"{flag} is not in docs/cli.md"


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom encodepth.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print({'numpy', 'torch', 'PIL', 'imagecodecs', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")


# Wrong usage: exit 2, one line and a hint, nothing written

USAGE = [
    (["encod", "x"], 'encodepth: no verb "encod"; did you mean "encode"?'),
    (["frobnicate"], f'encodepth: no verb "frobnicate"; there are {", ".join(VERBS)}'),
    (["encode"],
     "encodepth encode: nothing to encode; name COLOR and DEPTH, or --depth-only DEPTH"),
    (["decode"], "encodepth decode: missing argument 'FILE...'"),
    (["info"], "encodepth info: missing argument 'FILE...'"),
    (["encode", "color.png", "-q", "101"],
     "encodepth encode: invalid value for '-q' / '--quality': "
     "101 is not in the range 0<=x<=100"),
    (["encode", "color.png", "--coder", "foo"], "encodepth encode: invalid value for '--coder': "
     'no coder "foo"; there are learned, avif, jxl, auto'),
    (["encode", "color.png", "--coder", "hue=avif"],
     "encodepth encode: invalid value for '--coder': "
     'no modality "hue"; there are color and depth'),
    (["encode", "color.png", "--coder", "avif,depth=jxl"], "encodepth encode: invalid value for "
     "'--coder': no modality \"\"; there are color and depth"),
    (["encode", "color.png", "--coding", "foo"], "encodepth encode: invalid value for '--coding': "
     'no coding "foo"; there are auto, learned, av1, jpegxl, surface, restored, jpeg, quick, '
     "mixed, surface-learned"),
    (["encode", "color.png", "--coding", "av1", "--coder", "avif", "--quiet"],
     "encodepth encode: --coder is what --coding was called before; give one of them"),
    (["encode", "color.png", "--plane", "heat=x.png"],
     "encodepth encode: invalid value for '--plane': no plane \"heat\"; there are infrared, "
     "confidence, labels"),
    (["encode", "color.png", "--intrinsics", "1,2,3"], "encodepth encode: invalid value for "
     "'--intrinsics': \"1,2,3\" is not four numbers FX,FY,CX,CY"),
    (["encode", "color.png", "depth.png", "--depth-only", "depth.png"],
     "encodepth encode: --depth-only goes without COLOR and DEPTH"),
    (["encode", "--depth-only", "depth.png", "--lossless", "both"],
     "encodepth encode: --lossless both, but there is no colour picture"),
    (["encode", "color.png", "--lossless", "depth"],
     "encodepth encode: --lossless depth, but there is no depth map"),
    (["encode", "color.png", "--max-depth-error", "5"],
     "encodepth encode: --max-depth-error, but there is no depth map"),
    (["encode", "color.png", "depth.png", "--max-depth-error", "nan"],
     "encodepth encode: --max-depth-error nan is no number of millimetres from 0 on"),
    (["encode", "color.png", "depth.png", "--max-depth-error", "5", "--lossless", "depth"],
     "encodepth encode: --max-depth-error and --lossless depth contradict each other"),
    (["encode", "color.png", "depth.png", "--depth-quality", "5", "--lossless", "depth"],
     "encodepth encode: --depth-quality has no meaning for depth with a bound or lossless"),
    (["encode", "color.png", "depth.png", "--coding", "depth=av1", "--lossless", "depth"],
     "encodepth encode: depth by av1 can keep neither a bound nor every pixel"),
    (["encode", "color.png", "-o", "-", "--json"],
     "encodepth encode: -o - and --json would both write to stdout"),
    (["encode", "color.png", "depth.png", "more.png"], "encodepth encode: 3 pictures; "
     "name COLOR and DEPTH, or folders of pairs with --out-dir"),
    (["encode", "-", "-", "-o", "x.rgbd"], "encodepth encode: stdin can be read once"),
    (["encode", "-"], "encodepth encode: say with -o where to write what comes from stdin"),
    (["encode", "color.png", "-j", "2"], "encodepth encode: -j is for folders and recordings"),
    (["encode", "color.png", "--stop"], "encodepth encode: --stop is for folders and recordings"),
    (["encode", "--out-dir", "x"], "encodepth encode: nothing to encode; name folders of pairs"),
    (["encode", ".", "--out-dir", "x", "-o", "y"],
     "encodepth encode: --out-dir goes without -o, --depth-only and --plane"),
    (["encode", "color.png", "-q", "40", "--target-bytes", "900"],
     "encodepth encode: --quality and --target-bytes contradict each other"),
    (["encode", "color.png", "--target-bytes", "0"], "encodepth encode: invalid value for "
     "'--target-bytes': 0 is not in the range x>=1"),
    (["encode", "color.png", "depth.png", "--lossless", "both", "--target-bytes", "900"],
     "encodepth encode: --target-bytes searches a quality, and there is none to search"),
    (["encode", "color.png", "--target-rmse", "5"],
     "encodepth encode: --target-rmse, but there is no depth map"),
    (["encode", "color.png", "depth.png", "--target-rmse", "0"],
     "encodepth encode: --target-rmse 0 is no number of millimetres above 0"),
    (["encode", "color.png", "depth.png", "--target-rmse", "5", "--max-depth-error", "5"],
     "encodepth encode: --target-rmse searches a quality of depth, and there is none to search"),
    (["decode", "a.rgbd", "b.rgbd", "--color", "c.png"],
     "encodepth decode: --color names one picture, but there are several"),
    (["decode", "a.rgbd", "-o", "out", "--depth", "d.png"],
     "encodepth decode: -o and --depth both say where to write"),
    (["decode", "a.rgbd", "--only", "color", "--depth", "d.png"],
     "encodepth decode: --only color contradicts the pictures that are named"),
    (["decode", "-"],
     "encodepth decode: say where to write what comes from stdin: -o, --color or --depth"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "line"), USAGE, ids=[" ".join(a) for a, _ in USAGE])
def test_wrong_usage(run, pair, arguments, line):
    before = read_files()
    shown = run(*arguments)
    where = line.split(":")[0]
    assert shown.err == f'{line}\ntry "{where} -h"\n'
    assert (shown.status, shown.out) == (2, "")
    assert read_files() == before


# Pictures in, file out, pictures back


def test_a_pair_survives_exactly_and_the_file_lies_beside_it(run, pair):
    color, depth = pair
    shown = run(*LOSSLESS)
    assert (shown.status, shown.out) == (0, "")
    size = Path("color.rgbd").stat().st_size
    assert shown.err.startswith(f"color.rgbd: {size:,} bytes = color ")
    assert run("decode", "color.rgbd") == (
        type(shown)(0, "", "color.rgbd: color-color.png, color-depth.png\n")
    )
    back = encodepth.read("color-color.png", "color-depth.png")
    assert np.array_equal(back.color, color)
    assert np.array_equal(back.depth, depth)


def test_quiet_is_quiet(run, pair):
    assert run(*LOSSLESS, "--quiet") == type(run("-V"))(0, "", "")
    assert run("decode", "color.rgbd", "--quiet").err == ""
    assert run("verify", "color.rgbd", "--quiet").out == ""


def test_unit_camera_and_bound_are_in_the_file(run, pair):
    shown = run(
        "encode", "color.png", "depth.png", "--depth-unit", "0.0002", "--max-depth-error", "2",
        "--intrinsics", "525,525.5,12,8", "--coding", "color=jpegxl", "--effort", "1", "--json",
    )  # fmt: skip
    found = json.loads(shown.out)
    assert found.pop("notes") == []
    assert 0 < found.pop("depth_rmse_mm") <= found.pop("depth_max_error_mm") <= 2
    assert found == json.loads(run("info", "--json", "color.rgbd").out)
    assert found["depth_unit_m"] == 0.0002
    assert found["intrinsics"] == {"fx": 525, "fy": 525.5, "cx": 12, "cy": 8}
    kept = {stream["modality"]: stream for stream in found["streams"]}
    assert kept["depth"]["max_error_mm"] == 2
    assert (kept["color"]["coding"], kept["color"]["size"]) == ("jpegxl", [24, 16])
    assert found["bytes"] == Path("color.rgbd").stat().st_size
    assert found["bytes"] == found["header_bytes"] + sum(s["bytes"] for s in found["streams"])


def test_info_in_words(run, pair):
    run(*LOSSLESS, "--intrinsics", "525,525,12,8")
    found = json.loads(run("info", "--json", "color.rgbd").out)
    color, depth = (stream["bytes"] for stream in found["streams"])
    assert run("info", "color.rgbd").out == (
        f"color.rgbd: {found['bytes']:,} bytes, {found['bits_per_pixel']:.4g} bits per pixel, "
        "format version 1\n"
        f"  color     {color:>11,} bytes  24x16, jpegxl, exact\n"
        f"  depth     {depth:>11,} bytes  24x16, quick, exact\n"
        f"  header    {found['header_bytes']:>11,} bytes\n"
        "  depth unit 0.001 m\n"
        "  intrinsics fx 525  fy 525  cx 12  cy 8\n"
    )


def test_depth_alone_and_naming_the_picture(run, pair):
    run("encode", "--depth-only", "depth.png", "--lossless", "depth", "-o", "d.rgbd")
    assert run("decode", "d.rgbd", "--depth", "back.npy").status == 0
    assert np.array_equal(np.load("back.npy"), pair[1])
    shown = run("decode", "d.rgbd", "--color", "c.png")
    assert (shown.status, shown.err) == (1, "encodepth: d.rgbd holds no color; it holds depth\n")


def test_only_one_of_the_two(run, pair):
    run(*LOSSLESS)
    run("decode", "color.rgbd", "--only", "depth", "-o", "new/folder")
    assert os.listdir("new/folder") == ["color-depth.png"]


def test_a_pipe_from_end_to_end(pair):
    coded = subprocess.run([*COMMAND, *LOSSLESS, "-o", "-"], stdout=subprocess.PIPE, check=True)
    assert not Path("color.rgbd").exists()
    decode = [*COMMAND, "decode", "-", "--color", "c.png", "--depth", "d.png"]
    subprocess.run(decode, input=coded.stdout, check=True)
    back = encodepth.read("c.png", "d.png")
    assert np.array_equal(back.color, pair[0])
    assert np.array_equal(back.depth, pair[1])
    seen = subprocess.run(
        [*COMMAND, "verify", "-"], input=coded.stdout, capture_output=True, check=True
    )
    assert seen.stdout == b"-: whole\n"


def test_a_picture_from_stdin(pair):
    command = [*COMMAND, "encode", "-", "depth.png", "--lossless", "both", "-o", "x.rgbd"]
    subprocess.run(command, input=Path("color.png").read_bytes(), check=True)
    np.save("d.npy", pair[1])
    command = [*COMMAND, "encode", "color.png", "-", "--lossless", "both", "-o", "y.rgbd"]
    subprocess.run(command, input=Path("d.npy").read_bytes(), check=True)
    assert Path("x.rgbd").read_bytes() == Path("y.rgbd").read_bytes()
    bad = subprocess.run([*command, "-f"], input=b"hello", capture_output=True)
    assert bad.stderr == b"encodepth: depth file stdin is no 16-bit PNG, TIFF or .npy picture\n"


# A size or an error that is asked for


def test_a_size_that_is_asked_for(run, pair):
    shown = run("encode", "color.png", "depth.png", "--coding", "av1", "--target-bytes", "1000")
    assert shown.status == 0
    assert Path("color.rgbd").stat().st_size <= 1000
    shown = run("encode", "color.png", "--coding", "av1", "--target-bytes", "9999999", "-f")
    assert " % under the target, as near as qualities come\n" in shown.err
    shown = run("encode", "color.png", "--coding", "av1", "--target-bytes", "20", "-f")
    assert shown.status == 1
    assert shown.err.endswith(" bytes at its smallest, above the target of 20\n")


def test_an_error_that_is_asked_for(run, pair):
    shown = run("encode", "color.png", "depth.png", "--coding", "av1", "--target-rmse", "2")
    assert shown.status == 0
    (said,) = re.findall(r"depth off by ([0-9.]+) mm RMSE", shown.err)
    back = encodepth.decode(Path("color.rgbd").read_bytes()).depth.astype(float)
    measured = np.sqrt(np.square(back - pair[1])[pair[1] > 0].mean())
    assert float(said) == pytest.approx(measured, rel=5e-3)


# Folders of pairs


@pytest.fixture
def folder(pair):
    """Three pairs in two sequences, one of which has a depth map that cannot be read."""
    color, depth = Path("color.png").read_bytes(), Path("depth.png").read_bytes()
    for name in ("a/{}/1.png", "a/{}/2.png", "b/{}/1.png"):
        for kind, data in (("color", color), ("depth", depth)):
            path = Path("set", name.format(kind))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    Path("set/a/depth/2.png").write_bytes(depth[:-40])
    Path("set/b/meta.json").write_text('{"depth_units_per_meter": 5000}')
    return pair


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_folder_of_pairs(run, folder, jobs):
    arguments = ("encode", "set", "--out-dir", "out", "--lossless", "both", "-j", jobs)
    shown = run(*arguments)
    assert shown.status == 1
    lines = shown.err.splitlines()
    (doubt,) = (line for line in lines if line.startswith("encodepth: doubtful: "))
    assert doubt.startswith(
        'encodepth: doubtful: set: nothing says the depth unit of "a"; taken as'
    )
    assert (
        'b: 1 pair, unit 0.0002 m (key "depth_units_per_meter" of meta.json), camera unknown'
        in (lines)
    )
    (failure,) = (line for line in lines if "cannot be read" in line)
    assert failure.startswith("encodepth: set/a/color/2.png: depth file set/a/depth/2.png cannot")
    assert re.fullmatch(r"3 pairs, 1 failed, [0-9,]+ bytes in out", lines[-1])
    made = sorted(str(path) for path in Path("out").rglob("*.rgbd"))
    assert made == ["out/a/1.rgbd", "out/b/1.rgbd"]
    whole = encodepth.decode(Path("out/b/1.rgbd").read_bytes())
    assert np.array_equal(whole.depth, folder[1])
    assert whole.depth_unit == 0.0002
    again = run(*arguments, "--json")
    assert (again.status, again.out) == (1, "")
    assert "3 pairs, 2 made before and left, 1 failed, 0 bytes in out\n" in again.err
    other = run("encode", "set", "--out-dir", "out", "-q", "40")
    assert "out/a/1.rgbd exists and was made with other settings or from other data" in other.err
    forced = run(*arguments, "--json", "-f", "--quiet")
    assert {json.loads(line)["file"] for line in forced.out.splitlines()} == set(made)


def test_a_folder_ends_at_the_first_failure_when_told(run, folder):
    shown = run("encode", "set", "--out-dir", "out", "--lossless", "both", "--stop", "--quiet")
    assert shown.status == 1
    assert not Path("out/b/1.rgbd").exists()


def test_a_folder_without_pairs_is_named(run, pair):
    Path("empty").mkdir()
    shown = run("encode", "empty", "--out-dir", "out")
    assert shown.status == 1
    assert shown.err.startswith("encodepth: no pairs of color and depth at empty; expected")
    assert not Path("out").exists()


# Nothing is overwritten, nothing is left half


def test_an_existing_file_is_not_touched_without_force(run, pair):
    Path("color.rgbd").write_bytes(b"mine")
    shown = run(*LOSSLESS)
    assert (shown.status, shown.err) == (
        1,
        "encodepth: color.rgbd exists; use -f to overwrite it\n",
    )
    assert Path("color.rgbd").read_bytes() == b"mine"
    assert run(*LOSSLESS, "-f").status == 0
    Path("color-depth.png").write_bytes(b"mine too")
    shown = run("decode", "color.rgbd")
    assert shown.err == "encodepth: color.rgbd: color-depth.png exists; use -f to overwrite it\n"
    assert shown.status == 1
    assert not Path("color-color.png").exists()
    assert Path("color-depth.png").read_bytes() == b"mine too"
    assert run("decode", "color.rgbd", "-f").status == 0


def test_the_input_is_not_overwritten_even_by_force(run, pair):
    before = read_files()
    shown = run("encode", "color.png", "depth.png", "-o", "./depth.png", "-f")
    assert shown.err == "encodepth: depth.png is the input; choose another name with -o\n"
    assert read_files() == before


def test_two_inputs_of_one_name_do_not_overwrite_each_other(run, pair):
    run(*LOSSLESS)
    Path("other").mkdir()
    Path("other/color.rgbd").write_bytes(Path("color.rgbd").read_bytes())
    shown = run("decode", "color.rgbd", "other/color.rgbd", "-o", "out", "-f", "--quiet")
    assert shown.status == 1
    assert shown.err == (
        "encodepth: other/color.rgbd: out/color-color.png was just written from color.rgbd\n"
    )


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))


def test_a_disk_that_takes_no_more_leaves_no_file(pair):
    before = read_files()
    done = subprocess.run(
        [*COMMAND, *LOSSLESS], capture_output=True, text=True, preexec_fn=limit_file_size
    )
    assert done.stderr == "encodepth: cannot write color.rgbd: file too large\n"
    assert done.returncode == 1
    assert read_files() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_device_is_named(run, pair):
    shown = run(*LOSSLESS, "-o", "/dev/full")
    assert shown.err == "encodepth: cannot write /dev/full: no space left on device\n"
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*COMMAND, "-V"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "encodepth: no space left on device\n")


@pytest.mark.parametrize(
    ("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "stopped")]
)
def test_a_signal_while_writing_leaves_no_file(pair, number, word):
    before = read_files()
    code = (
        "import os, sys\nfrom encodepth.cli.main import main\n"
        f"os.fsync = lambda _: os.kill(os.getpid(), {int(number)})\nmain(sys.argv[1:])"
    )
    done = subprocess.run([sys.executable, "-c", code, *LOSSLESS], capture_output=True, text=True)
    assert done.stderr.strip() == f"encodepth: {word}"
    assert done.returncode == 128 + number
    assert read_files() == before


def test_ctrl_c_while_waiting_for_input_ends_it(pair):
    child = subprocess.Popen(
        [*COMMAND, "decode", "-", "-o", "out"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not Path("out").exists():  # made just before stdin is read
        assert child.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=20)
    assert err.strip() == "encodepth: interrupted"
    assert child.returncode in (130, -signal.SIGINT)  # Python's own way where it hit an import
    assert os.listdir("out") == []


# Bad input: exit 1, each failure one line, the rest still done


def test_each_failure_is_named_and_the_rest_is_done(run, pair):
    run(*LOSSLESS)
    whole = Path("color.rgbd").read_bytes()
    Path("cut.rgbd").write_bytes(whole[:-1])
    for arguments, good in (
        (("verify",), "color.rgbd: whole\n"),
        (("verify", "--decode"), "color.rgbd: whole, and decodes here\n"),
    ):
        shown = run(*arguments, "no.rgbd", "cut.rgbd", "depth.png", "color.rgbd")
        assert (shown.status, shown.out) == (1, good)
        assert shown.err == (
            "encodepth: no.rgbd does not exist\n"
            "encodepth: cut.rgbd: checksum mismatch: the file was cut short or altered\n"
            "encodepth: depth.png: not an .rgbd file: starts with 89504e47\n"
        )
    shown = run("decode", "cut.rgbd", "color.rgbd")
    assert shown.status == 1
    assert Path("color-depth.png").exists()
    assert not Path("cut-color.png").exists()
    said = [
        json.loads(line) for line in run("verify", "--json", "cut.rgbd", "no.rgbd").out.splitlines()
    ]
    assert [(line["file"], line["ok"]) for line in said] == [
        ("cut.rgbd", False),
        ("no.rgbd", False),
    ]
    assert said[1]["error"] == "no.rgbd does not exist"


def test_decoding_finds_damage_that_the_checksum_was_made_to_fit(run, pair):
    run(*LOSSLESS)
    data = bytearray(Path("color.rgbd").read_bytes())
    data[-60:-10] = bytes(50)
    Path("color.rgbd").write_bytes(bytes(data[:-4]) + zlib.crc32(data[:-4]).to_bytes(4, "little"))
    assert run("verify", "color.rgbd").status == 0
    shown = run("verify", "--decode", "color.rgbd")
    assert shown.status == 1
    assert shown.err.startswith("encodepth: color.rgbd: ")
    assert shown.err.count("\n") == 1


BAD = [
    (["no.png"], "color file no.png does not exist"),
    (["depth.png"], "color file depth.png has 16 bits or more per channel; expected 8 "
     "(is it the depth?)"),
    (["text.png"], "color file text.png is no PNG, JPEG, WebP or TIFF picture"),
    (["color.png", "color.png"], "depth file color.png is 8-bit colour; "
     "expected one channel of 16 bits"),
    (["color.png", "text.png"], "depth file text.png is no 16-bit PNG, TIFF or .npy picture"),
    (["color.png", "depth.png", "--depth-unit", "0"],
     "depth unit 0.0 is not within 1e-9..1000 metres per step (0.001 for mm)"),
    (["color.png", "-o", "no/where.rgbd"], "cannot write no/where.rgbd: there is no folder no"),
    (["color.png", "-o", "."], ". is a folder; expected a file name"),
    (["color.png", "--coding", "color=learned", "--model", "bases"],
     'no model "bases"'),
    (["color.png", "--model", "bases"], 'no model "bases"'),
]  # fmt: skip


def test_a_model_that_is_named_codes_what_it_can(run, pair, tiny_model):
    assert run("encode", "color.png", "-o", "m.rgbd", "--model", "tiny").status == 0
    (stream,) = json.loads(run("info", "m.rgbd", "--json").out)["streams"]
    assert stream["coding"] == "learned"
    restorer = Path(encodepth.__file__).parent / "weights" / "restore.safetensors"
    for left in (["--model", str(restorer)], ["--model", "tiny", "--lossless", "color"]):
        shown = run("encode", "color.png", "-o", "n.rgbd", *left)
        assert shown.status == 2
        assert "nothing here is left to it" in shown.err
    assert not Path("n.rgbd").exists()


@pytest.mark.parametrize(("arguments", "line"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_input_is_one_line(run, pair, arguments, line):
    Path("text.png").write_text("hello")
    before = read_files()
    shown = run("encode", *arguments)
    assert (shown.status, shown.out) == (1, "")
    assert shown.err.startswith(f"encodepth: {line}")
    assert shown.err.count("\n") == 1
    assert read_files() == before


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "out of memory; close other programs or code a smaller picture"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            "out of memory",
        ),
        (PermissionError(13, "Permission denied", "weights"), "weights: permission denied"),
        (
            ModuleNotFoundError("no", name="matplotlib"),
            'the Python package "matplotlib" is missing',
        ),
    ],
)
def test_failures_from_below_are_one_line(run, pair, monkeypatch, error, line):
    def broken(*_: object, **__: object) -> bytes:
        raise error

    monkeypatch.setattr("encodepth.codec.Codec.code", broken)
    shown = run(*LOSSLESS)
    assert shown.status == 1
    assert shown.err.startswith(f"encodepth: {line}")
    assert shown.err.count("\n") == 1


def test_a_fault_of_ours_is_not_hidden(pair, monkeypatch):
    from encodepth.cli.main import main

    monkeypatch.setattr("encodepth.codec.Codec.code", lambda *_, **__: 1 // 0)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(ZeroDivisionError):
        main([*LOSSLESS])


def test_a_reader_that_leaves_early_sees_no_traceback(run, pair):
    run(*LOSSLESS)
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [*COMMAND, "info", *["color.rgbd"] * 50]
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_picture_of_odd_size_and_a_single_pixel(run, pair):
    for width, height in ((1, 1), (641, 479)):
        Image.fromarray(np.full((height, width, 3), 9, np.uint8)).save("c.png")
        Image.fromarray(np.full((height, width), 900, np.uint16)).save("d.png")
        assert run("encode", "c.png", "d.png", "--coding", "av1", "-f").status == 0
        assert run("decode", "c.rgbd", "-f").status == 0
        assert encodepth.read("c-color.png", "c-depth.png").depth.shape == (height, width)


# Models


@pytest.fixture
def tiny_model(tmp_path, monkeypatch):
    """Install a tiny model named "tiny" with a card, and nothing else."""
    from encodepth.learned import weights

    folder = tmp_path / "installed"
    folder.mkdir()
    path = folder / "tiny.safetensors"
    shutil.copy(Path(__file__).parent / "weights" / path.name, path)
    monkeypatch.setattr(weights, "SHIPPED", folder)
    mark = f"{weights.read_weights(path).fingerprint:08x}"
    path.with_suffix(".md").write_text(f"# tiny\n\nFingerprint {mark}.\n")
    return path, mark


def test_no_model_is_said_in_one_line(run, tmp_path, monkeypatch):
    monkeypatch.setattr("encodepth.learned.weights.SHIPPED", tmp_path)
    shown = run("models")
    assert (shown.status, shown.out) == (1, "")
    assert shown.err == (
        "encodepth: no model is installed; learned streams need one, others do not\n"
    )


def test_models_lists_shows_and_checks(run, tiny_model):
    _, mark = tiny_model
    listed = run("models")
    assert listed.status == 0
    assert listed.out.startswith("tiny ")
    assert listed.out.endswith(f" MB  weights {mark}\n")
    assert run("models", "tiny").out == f"# tiny\n\nFingerprint {mark}.\n"
    assert run("models", "--check").out == f"tiny: intact, fingerprint {mark}\n"
    assert json.loads(run("models", "--json").out)["weights"] == mark
    shown = run("models", "tine")
    assert shown.err == (
        'encodepth: no model "tine"; did you mean "tiny"? (encodepth models lists all)\n'
    )


def test_check_finds_weights_that_are_not_the_cards(run, tiny_model):
    path, mark = tiny_model
    path.with_suffix(".md").write_text("Fingerprint 00000000.\n")
    shown = run("models", "--check")
    assert (shown.status, shown.out) == (1, "")
    assert shown.err == (
        f"encodepth: tiny: the weights' fingerprint {mark} is not the one in tiny.md; "
        "install encodepth again\n"
    )


def test_check_finds_a_damaged_file(run, tiny_model):
    path, _ = tiny_model
    path.write_bytes(path.read_bytes()[:-100])
    shown = run("models", "--check")
    assert shown.status == 1
    assert shown.err.count("\n") == 1


def test_a_learned_picture_through_the_command(run, pair, tiny_model):
    _, mark = tiny_model
    codings = "color=learned,depth=av1"
    shown = run(
        "encode", "color.png", "depth.png", "--coding", codings, "--model", "tiny", "--json"
    )
    streams = {stream["modality"]: stream for stream in json.loads(shown.out)["streams"]}
    assert (streams["color"]["coding"], streams["color"]["weights"]) == ("learned", mark)
    assert run("verify", "--decode", "color.rgbd").out == "color.rgbd: whole, and decodes here\n"


def test_the_old_word_for_coding_works_and_says_the_new_one(run, pair):
    shown = run("encode", "color.png", "depth.png", "--coder", "depth=jxl,color=avif")
    assert shown.err.startswith(
        "encodepth: --coder is now called --coding; this is --coding depth=surface,color=av1\n"
    )
    assert run("info", "color.rgbd").out.count("surface") == 1


def test_further_planes_go_in_and_come_out(run, pair):
    labels = np.arange(384, dtype=np.uint16).reshape(16, 24)
    Image.fromarray(labels).save("labels.png")
    np.save("sure.npy", (labels % 3).astype(np.uint8))
    shown = run(
        "encode", "color.png", "depth.png", "--plane", "labels=labels.png",
        "--plane", "confidence=sure.npy",
    )  # fmt: skip
    assert shown.status == 0
    assert re.search(
        r"confidence +[0-9]+ bytes  24x16, mixed, exact", run("info", "color.rgbd").out
    )
    run("decode", "color.rgbd", "-o", "back")
    assert sorted(os.listdir("back")) == [
        f"color-{name}.png" for name in ("color", "confidence", "depth", "labels")
    ]
    assert np.array_equal(np.asarray(Image.open("back/color-labels.png")), labels)
    run("decode", "color.rgbd", "--plane", "confidence=c.npy")
    assert np.array_equal(np.load("c.npy"), labels % 3)


def test_what_a_network_would_restore_comes_as_it_was_coded(run, tmp_path, monkeypatch):
    """Also where its weights are missing; files, folders, recordings."""
    desk = Path(__file__).parents[1] / "samples" / "desk"
    whole = encodepth.read(next(desk.glob("color.*")), desk / "depth.png", depth_unit=0.0002)
    image = encodepth.RgbdImage(whole.color[:160, :192], whole.depth[:160, :192], 0.0002)
    data = encodepth.encode(image, quality=40, coding="restored")
    plain, restored = encodepth.decode(data, restore=False), encodepth.decode(data)
    assert not np.array_equal(plain.color, restored.color)
    assert not np.array_equal(plain.depth, restored.depth)
    assert np.array_equal(plain.depth == 0, restored.depth == 0)
    monkeypatch.chdir(tmp_path)
    Path("files").mkdir()
    Path("files/a.rgbd").write_bytes(data)
    with encodepth.Writer("r.rgbd", rate=30, effort=8) as writer:
        for _ in range(2):
            writer.append(image)
    with encodepth.Reader("r.rgbd", restore=False) as reader:
        first = reader[0].image
    monkeypatch.setattr("encodepth.learned.weights.SHIPPED", tmp_path)
    assert run("decode", "files/a.rgbd", "-o", "no").status == 1
    for source, place in (("files/a.rgbd", "one"), ("files", "all"), ("r.rgbd", "moving")):
        shown = run("decode", "--no-restore", source, "-o", place)
        assert shown.status == 0, shown.err
    for place, expected in (("one", plain), ("all", plain), ("moving", first)):
        again = encodepth.read(
            *sorted(Path(place).rglob("*.png"))[:: 2 if place == "moving" else 1]
        )
        assert np.array_equal(again.color, expected.color)
        assert np.array_equal(again.depth, expected.depth)
