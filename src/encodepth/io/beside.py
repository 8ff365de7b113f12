"""What files beside the frames say of depth unit and camera, whoever wrote them.

JSON by its keys (RealSense, Open3D, NICE-SLAM, our own meta.json), matrices and key-value lines as
text (3DMatch's camera-intrinsics.txt, BundleFusion's info.txt, ORB-SLAM's .yaml). The nearest
folder that says something is believed; what two files there say differently is doubtful.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EncodepthError, InvalidImageError
from ..frame import Intrinsics, RgbdImage
from .found import Problem
from .pair import ASSUMED, UNKNOWN, Pair, Source, read_rotated, read_stored
from .tree import Folder
from .unread import unread

_JSON = re.compile(
    r"(meta|metadata|info|config|params|calib\w*|.*(camera|intrinsic|cam).*)\.json", re.I
)
_TEXT = re.compile(r"(k|_?info|calib\w*|.*(camera|intrinsic|cam_k).*)\.txt|.*\.ya?ml", re.I)
_PER_METRE = ("depth_units_per_meter", "depth_units_per_metre", "depth_factor", "depth_map_factor",
              "DepthMapFactor", "png_depth_scale", "depth_shift", "m_depthShift")  # fmt: skip
_METRES = ("depth_unit", "depth_units", "depth_unit_scale_factor")
_FOCAL = (("fx", "fy"), ("fl_x", "fl_y"), ("Camera.fx", "Camera.fy"), ("focal_x", "focal_y"))
_CENTRE = (("cx", "cy"), ("ppx", "ppy"), ("Camera.cx", "Camera.cy"), ("center_x", "center_y"))
_SIZE = (("width", "height"), ("w", "h"), ("image_width", "image_height"))
_MATRICES = (
    *("intrinsic_matrix", "camera_matrix", "cam_K", "K", "intrinsics", "intrinsic"),
    *("m_calibrationDepthIntrinsic", "m_calibrationColorIntrinsic"),
)
_WORDS = {
    **dict.fromkeys(("mm", "millimeter", "millimetre", "millimeters", "millimetres"), 1e-3),
    **dict.fromkeys(("m", "meter", "metre", "meters", "metres"), 1.0),
}
_LINE = re.compile(r"^\s*([A-Za-z_][\w.]*)\s*[:=]\s*(.+?)\s*$")


@dataclass(frozen=True)
class Facts:
    """What is known of the frames of a folder, and from where.

    Attributes:
        unit: metres per step, None if nothing says it.
        camera: None if nothing says it.
        rotated: depth has SUN RGB-D's rotated bits.
        frames: what differs from frame to frame, by the stem of a picture.
        problems: what makes no sense, or contradicts itself.
    """

    unit: float | None = None
    unit_source: Source = ASSUMED
    camera: Intrinsics | None = None
    camera_source: Source = UNKNOWN
    rotated: bool = False
    frames: Mapping[str, Facts] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def or_else(
        self,
        unit: float | None = None,
        unit_source: Source = ASSUMED,
        camera: Intrinsics | None = None,
        camera_source: Source = UNKNOWN,
    ) -> Facts:
        """Fill in what is not known."""
        found = self
        if self.unit is None and unit is not None:
            found = replace(found, unit=unit, unit_source=unit_source)
        if self.camera is None and camera is not None:
            found = replace(found, camera=camera, camera_source=camera_source)
        return found

    def pair(
        self,
        sequence: str,
        frame: str,
        color: Path | None,
        depth: Path | None,
        *,
        time: float | None = None,
        pose: Path | np.ndarray | None = None,
        reader: Callable[[Pair], RgbdImage] | None = None,
    ) -> Pair:
        """Return the pair of these files, with what is known of it."""
        own = next(
            (self.frames[p.stem] for p in (depth, color) if p and p.stem in self.frames), None
        )
        known = self if own is None else own.or_else(
            self.unit, self.unit_source, self.camera, self.camera_source
        )  # fmt: skip
        return Pair(
            sequence,
            frame,
            color,
            depth,
            0.001 if known.unit is None else known.unit,
            known.camera,
            reader or (read_rotated if self.rotated else read_stored),
            known.unit_source,
            known.camera_source,
            time,
            pose,
        )


def facts_beside(folder: Folder) -> Facts:
    """Return what the files in a folder say, or in those it lies in.

    That goes up to the one above what was opened, where only files that name a camera count.

    Raises:
        EncodepthError: a depth unit is there and makes no sense; guessing one would be worse.
    """
    found = Facts()
    name = folder.name
    for place in _places(folder):
        more = _facts_in(place, name if place is not folder else "")
        problems = found.problems + more.problems
        known = found.or_else(more.unit, more.unit_source, more.camera, more.camera_source)
        found = replace(
            known,
            problems=problems,
            rotated=found.rotated or (found.unit is None and more.rotated),
            frames=found.frames or (more.frames if place is folder else {}),
        )
    return found


def matrix_camera(numbers: object) -> Intrinsics | None:
    """Return the camera of 9, 12 or 16 numbers, by rows or by columns; None if they are none."""
    try:
        flat = np.asarray(numbers, np.float64).ravel()
    except (ValueError, TypeError):
        return None
    if flat.size not in (9, 12, 16) or not np.isfinite(flat).all():
        return None
    rows = flat.reshape(3 if flat.size in (9, 12) else 4, -1)[:3, :3]
    if flat.size == 9 and np.allclose(rows[:2, 2], 0) and not np.allclose(rows[2, :2], 0):
        rows = rows.T
    if not np.allclose(rows[2], (0, 0, 1)) or rows[1, 0]:
        return None
    return _camera(rows[0, 0], rows[1, 1], rows[0, 2], rows[1, 2])


def text_camera(text: str) -> Intrinsics | None:
    """Return the camera of a matrix written row by row, or of fx fy cx cy; None if it is none."""
    try:
        numbers = [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        return None
    return _camera(*numbers) if len(numbers) == 4 else matrix_camera(numbers)


def _places(folder: Folder) -> Iterator[Folder]:
    yield from folder.upwards()
    top = list(folder.upwards())[-1].path
    above = Path(top.absolute()).parent
    if above != top and above.is_dir():
        try:
            names = ("cameras.json", "camera-intrinsics.txt", "camera.json", "cam_params.json",
                     "camera_intrinsic.json")  # fmt: skip
            files = [name for name in names if (above / name).is_file()]
        except OSError:
            return
        shown = top.parent if top.name not in ("", "..") else above
        yield Folder(shown, files)


def _facts_in(folder: Folder, child: str) -> Facts:
    """Return what the files of one folder say; `child` is the one below it that is asked for."""
    found = Facts()
    for path, values in _read_all(folder):
        if path.name == "cameras.json":
            values = _of_child(values, child)
        unit = _unit(path, values)
        camera, key = _find_camera(values)
        words = f'key "{key}" of {path.name}' if key else path.name
        source = Source(words, size=size_in(values))
        problems = found.problems
        if camera is None:
            problems += unread(path, values)
        problems += _contradiction(path, found, unit, camera)
        fresh = found.unit is None and unit is not None
        found = replace(
            found.or_else(
                None if unit is None else unit[0],
                ASSUMED if unit is None else unit[1],
                camera,
                source,
            ),
            problems=problems + (_unit_doubt(path, unit) if fresh else ()),
            rotated=found.rotated or _is_rotated(path, values),
            frames=found.frames or _frames(path, values),
        )
    return found


def _read_all(folder: Folder) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the files that may say something, meta.json first, as keys and values."""
    for name in sorted(folder.files, key=lambda n: (n != "meta.json", not n.endswith(".json"), n)):
        path = folder.path / name
        if _JSON.fullmatch(name):
            try:
                values = json.loads(folder.text(name))
            except (ValueError, RecursionError) as error:
                if name == "meta.json":
                    raise EncodepthError(f"{path} is not JSON: {error}") from None
                continue
            if isinstance(values, dict):
                yield path, values
        elif _TEXT.fullmatch(name):
            try:
                text = folder.text(name)
            except EncodepthError:
                continue
            camera = text_camera(text)
            if camera is not None:
                yield path, {"": vars(camera)}
                continue
            yield path, _lines(text)


def _lines(text: str) -> dict[str, Any]:
    """Return "key: value" and "key = value" lines; several numbers as a list."""
    found: dict[str, Any] = {}
    for match in filter(None, map(_LINE.match, text.splitlines())):
        try:
            numbers = [float(w) for w in match[2].strip("[]").replace(",", " ").split()]
        except ValueError:
            continue
        found[match[1]] = numbers[0] if len(numbers) == 1 else numbers
    return found


def _of_child(known: dict[str, Any], child: str) -> dict[str, Any]:
    """Return what our own cameras.json says of one of the folders beside it."""
    own = known.get(child)
    return own if isinstance(own, dict) else {}


def _unit(path: Path, values: dict[str, Any]) -> tuple[float, Source] | None:
    """Return metres per step and which key says so.

    Raises:
        EncodepthError: the key is there and makes no sense.
    """
    for inside in _dicts(values):
        for key in _PER_METRE:
            if inside.get(key) is not None and not _is_rotated(path, inside):
                return 1 / unit_number(path, key, inside[key]), _source(path, key)
        for key in _METRES:
            if inside.get(key) is not None:
                return _metres(path, key, inside[key]), _source(path, key)
        if inside.get("depth_scale") is not None:
            return _depth_scale(path, inside["depth_scale"])
        if path.name == "cam_params.json" and "fx" in inside and "scale" in inside:
            return 1 / unit_number(path, "scale", inside["scale"]), _source(path, "scale")
    return (0.001, _source(path, "depth_units_per_meter")) if _is_rotated(path, values) else None


def _depth_scale(path: Path, value: object) -> tuple[float, Source]:
    """Read a key that tools use in three ways: metres per step, steps per metre, mm per step."""
    number = unit_number(path, "depth_scale", value)
    if number <= 0.02:
        return number, _source(path, "depth_scale")
    if number >= 50:
        return 1 / number, _source(path, "depth_scale")
    words = f'key "depth_scale" of {path.name}, {number:g}, read as mm per step as BOP has it'
    return number / 1000, Source(words, sure=False)


def _metres(path: Path, key: str, value: object) -> float:
    if isinstance(value, str) and value.lower() in _WORDS:
        return _WORDS[value.lower()]
    number = unit_number(path, key, value)
    return 1 / number if number >= 50 else number


def unit_number(path: Path, key: str, value: object) -> float:
    """Return the number that a key about depth's unit has.

    Raises:
        EncodepthError: it makes no sense; a unit is not guessed where one is said.
    """
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            _refuse_unit(path, key, value)
    good = isinstance(value, int | float) and not isinstance(value, bool) and 1e-7 < value < 1e7
    if not good:
        _refuse_unit(path, key, value)
    assert isinstance(value, int | float)
    return float(value)


def _refuse_unit(path: Path, key: str, value: object) -> None:
    raise EncodepthError(f"{path}: {key} is {value!r}; expected a number such as 1000 or 5000")


def _is_rotated(path: Path, values: dict[str, Any]) -> bool:
    """Whether our meta.json names SUN RGB-D's coding, in a sentence."""
    said = values.get("depth_units_per_meter")
    return path.name == "meta.json" and isinstance(said, str) and "sun" in said.lower()


def _unit_doubt(path: Path, unit: tuple[float, Source] | None) -> tuple[Problem, ...]:
    if unit is None or unit[1].sure:
        return ()
    return (Problem(path, f"the depth unit is {unit[0]:g} m by the {unit[1].words}", fatal=False),)


def _contradiction(
    path: Path, found: Facts, unit: tuple[float, Source] | None, camera: Intrinsics | None
) -> tuple[Problem, ...]:
    problems = []
    if unit is not None and found.unit is not None and not math.isclose(unit[0], found.unit):
        said = f"says a depth unit of {unit[0]:g} m"
        taken = f"{found.unit:g} m of {found.unit_source.words} is taken"
        problems.append(Problem(path, f"{said}; {taken}", fatal=False))
    if camera is not None and found.camera is not None and not _alike(camera, found.camera):
        other = f"says another camera than {found.camera_source.words}, which is taken"
        problems.append(Problem(path, other, fatal=False))
    return tuple(problems)


def _alike(a: Intrinsics, b: Intrinsics) -> bool:
    return np.allclose(list(vars(a).values()), list(vars(b).values()), rtol=1e-3)


def _find_camera(values: dict[str, Any]) -> tuple[Intrinsics | None, str]:
    """Return the camera and the key it stands under, "" for the file's own keys."""
    for inside in _dicts(values):
        camera = _keys_camera(inside)
        if camera is not None:
            return camera, ""
        for key in _MATRICES:
            given = inside.get(key)
            if isinstance(given, dict):
                given = given.get("data", given)
            if isinstance(given, list):
                camera = _camera(*given) if _is_four(given) else matrix_camera(given)
                if camera is not None:
                    return camera, key
    return None, ""


def _keys_camera(values: Mapping[str, Any]) -> Intrinsics | None:
    for fx, fy in _FOCAL:
        for cx, cy in _CENTRE:
            if all(key in values for key in (fx, fy, cx, cy)):
                return _camera(*(values[key] for key in (fx, fy, cx, cy)))
    return None


def _is_four(given: list[object]) -> bool:
    return len(given) == 4 and not any(isinstance(value, list) for value in given)


def _dicts(values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a file's keys, and those one level below; colour's own last."""
    yield values
    inner = [(key, value) for key, value in values.items() if isinstance(value, dict)]
    for _, value in sorted(inner, key=lambda item: bool(re.match("colou?r|rgb", item[0], re.I))):
        yield value


def _frames(path: Path, values: dict[str, Any]) -> dict[str, Facts]:
    """Return what our own meta.json says of single frames."""
    frames = values.get("frames")
    if path.name != "meta.json" or not isinstance(frames, dict):
        return {}
    found = {}
    for stem, own in frames.items():
        if not isinstance(own, dict):
            continue
        unit, (camera, _) = _unit(path, own), _find_camera(own)
        found[str(stem)] = Facts(
            None if unit is None else unit[0],
            ASSUMED if unit is None else unit[1],
            camera,
            UNKNOWN if camera is None else Source(f'key "frames" of {path.name}'),
        )
    return found


def _source(path: Path, key: str) -> Source:
    return Source(f'key "{key}" of {path.name}')


def size_in(values: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return width and height of the pictures that a camera is of, where they stand beside it."""
    for width, height in _SIZE:
        size = values.get(width), values.get(height)
        if all(isinstance(side, int) and side > 0 for side in size):
            return size  # type: ignore[return-value]
    return None


def _camera(fx: Any, fy: Any, cx: Any, cy: Any) -> Intrinsics | None:
    try:
        return Intrinsics(float(fx), float(fy), float(cx), float(cy))
    except (TypeError, ValueError, InvalidImageError):
        return None
