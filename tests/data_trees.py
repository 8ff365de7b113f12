"""Small datasets in the layouts that were published, written for a test."""

import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 12, 16


def color(seed=0):
    """Return uint8 (12, 16, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def depth(seed=0, step=1):
    """Return uint16 (12, 16): 1 to 2.4 m in mm, times `step`, with a hole in a corner."""
    mm = 1000 + 7 * np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) + seed
    mm[0, 0] = 0
    return (mm * step).astype(np.uint16)


def save(path: Path, array):
    """Write a picture, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def folder(root: Path, frames=("000000", "000001"), **meta):
    for i, name in enumerate(frames):
        save(root / "color" / f"{name}.png", color(i))
        save(root / "depth" / f"{name}.png", depth(i))
    if meta:
        (root / "meta.json").write_text(json.dumps(meta))


def redwood(root: Path, scenes=("apartment", "bedroom", "boardroom", "lobby", "loft")):
    for scene in scenes:
        for i in range(2):
            save(root / f"rgbd_{scene}" / scene / "image" / f"{i:06d}.jpg", color(i))
            save(root / f"rgbd_{scene}" / scene / "depth" / f"{i:06d}.png", depth(i))


def icl_nuim(root: Path):
    for i in range(2):
        save(root / "livingroom1-color" / f"{i:05d}.jpg", color(i))
        save(root / "livingroom1-depth-clean" / f"{i:05d}.png", depth(i))
        save(root / "livingroom1-depth-simulated" / f"{i:05d}.png", depth(i + 50))


def icl_nuim_unpacked(root: Path):
    for i in range(2):
        save(root / "office2" / "colors" / f"{i:05d}.jpg", color(i))
        save(root / "office2" / "depth" / f"{i:05d}.png", depth(i))
        save(root / "office2" / "depth_noisy" / f"{i:05d}.png", depth(i + 50))
    (root / "office2" / "office2-traj.txt").write_text("0 0 0\n")


def tum(root: Path, associations=False):
    place = root / "rgbd_dataset_freiburg1_desk"
    colors = [1305031452.791720, 1305031452.823674, 1305031453.123000]
    depths = [1305031452.805000, 1305031452.830000, 1305031452.500000]
    for i, t in enumerate(colors):
        save(place / "rgb" / f"{t:.6f}.png", color(i))
    for i, t in enumerate(depths):
        save(place / "depth" / f"{t:.6f}.png", depth(i, 5))
    if associations:
        rows = [
            f"{colors[1]:.6f} rgb/{colors[1]:.6f}.png {depths[1]:.6f} depth/{depths[1]:.6f}.png"
        ]
        (place / "associations.txt").write_text("\n".join(rows))
        return
    for name, folder_, times in (("rgb.txt", "rgb", colors), ("depth.txt", "depth", depths)):
        lines = [f"{t:.6f} {folder_}/{t:.6f}.png" for t in sorted(times)]
        (place / name).write_text("# timestamp filename\n" + "\n".join(lines) + "\n")


def sun_rgbd(root: Path):
    place = root / "SUNRGBD" / "kv1" / "NYUdata" / "NYU0001"
    mm = depth()
    save(place / "image" / "NYU0001.jpg", color())
    save(place / "depth" / "NYU0001.png", (mm << 3) | (mm >> 13))
    save(place / "depth_bfx" / "NYU0001.png", (mm << 3) | (mm >> 13))
    (place / "intrinsics.txt").write_text("518.85 0 325.58\n0 519.46 253.73\n0 0 1\n")
    other = root / "SUNRGBD" / "kv2" / "kinect2data" / "000002"
    save(other / "image" / "0000103.jpg", color(1))
    save(other / "depth" / "0000083.png", (mm << 3) | (mm >> 13))
    (other / "intrinsics.txt").write_text("529.5 0 365 0 529.5 265 0 0 1")


def nyu_labelled(path: Path, raw=True):
    import h5py

    metres = depth().astype(np.float32).T / 1000
    with h5py.File(path, "w") as file:
        file["images"] = np.stack([color(i).transpose(2, 1, 0) for i in range(2)])
        file["depths"] = np.stack([np.full_like(metres, 2.0)] * 2)
        if raw:
            file["rawDepths"] = np.stack([metres] * 2)
        letters = [np.array([[ord(c)] for c in name], np.uint16) for name in ("kitchen", "study")]
        references = np.empty((1, 2), h5py.ref_dtype)
        for i, text in enumerate(letters):
            references[0, i] = file.create_dataset(f"#refs#/{i}", data=text).ref
        file["scenes"] = references


def nyu_raw(root: Path):
    place = root / "kitchen_0001"
    place.mkdir(parents=True)
    mm = depth()
    disparity = np.rint(1092.5 - 351300 / np.maximum(mm, 400)).astype("<u2")
    disparity[mm == 0] = 2047  # the Kinect's "nothing measured"
    for i, (a, b) in enumerate(((10.00, 10.01), (10.03, 10.05))):
        Image.fromarray(color(i)).save(place / f"r-{a:.6f}-111.ppm")
        head = f"P5 {mm.shape[1]} {mm.shape[0]} 65535 ".encode()
        (place / f"d-{b:.6f}-222.pgm").write_bytes(head + disparity.tobytes())
    (place / "INDEX.txt").write_text("a-10.0-1.dump\n")


def seven_scenes(root: Path):
    for i in range(2):
        holed = depth(i)
        holed[holed == 0] = 65535
        place = root / "chess" / "seq-01"
        save(place / f"frame-{i:06d}.color.png", color(i))
        save(place / f"frame-{i:06d}.depth.png", holed)
        (place / f"frame-{i:06d}.pose.txt").write_text("1 0 0 0\n")


def scannet(root: Path):
    place = root / "scans" / "scene0000_00"
    for i in (0, 9, 10):
        save(place / "color" / f"{i}.jpg", np.repeat(np.repeat(color(i), 2, 0), 2, 1))
        save(place / "depth" / f"{i}.png", depth(i))
    (place / "intrinsic").mkdir()
    rows = "577.59 0 318.9 0\n0 578.73 242.68 0\n0 0 1 0\n0 0 0 1\n"
    (place / "intrinsic" / "intrinsic_depth.txt").write_text(rows)


def zipped(source: Path, archive: Path):
    """Pack a folder's contents into an archive."""
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(source.rglob("*")):
            file.write(path, path.relative_to(source))
