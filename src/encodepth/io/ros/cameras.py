"""sensor_msgs/CameraInfo to a recording's camera and back, with its distortion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...container.header import DISTORTIONS, Camera

# ROS's and RealSense's names of distortion models, in small letters -> the recording's number.
MODELS = {
    "": 0,
    "none": 0,
    "plumb_bob": 1,
    "rational_polynomial": 1,
    "brown conrady": 1,
    "inverse brown conrady": 2,
    "equidistant": 3,
    "fisheye": 3,
    "kannala brandt4": 3,
}


def from_info(info: Any, *, rectified: bool = False) -> tuple[Camera | None, str]:
    """Return the camera of a sensor_msgs/CameraInfo, and a doubt in words or "".

    Args:
        info: the message.
        rectified: whether its pictures are; they have the camera P and no distortion, where raw
            ones have K and D.
    """
    projection = np.asarray(_field(info, "p"), float).reshape(3, 4)[:, :3]
    matrix = np.asarray(_field(info, "k"), float).reshape(3, 3)
    use_p = rectified and projection[0, 0] > 0
    focal_x, focal_y, x, y = (projection if use_p else matrix)[[0, 1, 0, 1], [0, 1, 2, 2]]
    if not (focal_x > 0 and focal_y > 0 and np.isfinite([focal_x, focal_y, x, y]).all()):
        return None, "is not calibrated: its focal length is 0"
    model, coefficients, doubt = (0, (), "") if use_p else _distortion(info)
    across, down = max(int(info.binning_x), 1), max(int(info.binning_y), 1)
    x, y = (x - int(info.roi.x_offset)) / across, (y - int(info.roi.y_offset)) / down
    focal = (float(focal_x) / across, float(focal_y) / down)
    return Camera(focal, (float(x), float(y)), model, coefficients), doubt


def size_of(info: Any) -> tuple[int, int]:
    """Return width and height of the pictures that a CameraInfo is about, (0, 0) if unknown."""
    width, height = int(info.roi.width or info.width), int(info.roi.height or info.height)
    return width // max(int(info.binning_x), 1), height // max(int(info.binning_y), 1)


def fields(camera: Camera, width: int, height: int, *, ros_1: bool) -> dict[str, Any]:
    """Return the fields of a CameraInfo but its header and region.

    Args:
        camera: of pictures of this size.
        width, height: in pixels.
        ros_1: whether the matrices have capital letters.
    """
    (focal_x, focal_y), (x, y) = camera.focal, camera.center
    matrix = [focal_x, 0.0, x, 0.0, focal_y, y, 0.0, 0.0, 1.0]
    projection = [*matrix[:3], 0.0, *matrix[3:6], 0.0, *matrix[6:], 0.0]
    numbers = {
        "d": camera.coefficients or (0.0,) * 5,
        "k": matrix,
        "r": np.eye(3).ravel(),
        "p": projection,
    }
    return {
        "height": height,
        "width": width,
        "distortion_model": _name(camera),
        **{key.upper() if ros_1 else key: np.asarray(v, float) for key, v in numbers.items()},
        "binning_x": 0,
        "binning_y": 0,
    }


def info_topics(topic: str) -> Iterator[str]:
    """Yield where the CameraInfo of a topic of pictures may stand, likeliest first."""
    start = base_of(topic)
    above = start.rpartition("/")[0]
    yield f"{above}/camera_info"
    yield f"{above.rpartition('/')[0]}/info/camera_info"  # RealSense's own bags
    yield f"{start}/camera_info"


def base_of(topic: str) -> str:
    """Return a topic without its transport: "/camera/depth/image" of "../image/compressedDepth"."""
    for transport in ("/compressedDepth", "/compressed"):
        topic = topic.removesuffix(transport)
    return topic


def is_rectified(topic: str) -> bool:
    """Whether a topic says of its pictures that lens distortion was taken out."""
    return "rect" in base_of(topic).rpartition("/")[2]


def _field(info: Any, name: str) -> Any:
    found = getattr(info, name, None)
    return getattr(info, name.upper()) if found is None else found


def _distortion(info: Any) -> tuple[int, tuple[float, ...], str]:
    """Return model, coefficients, and what is doubtful."""
    coefficients = tuple(float(c) for c in _field(info, "d"))
    if not any(coefficients):
        return 0, (), ""
    name = str(info.distortion_model)
    model = MODELS.get(name.strip().lower().replace("brown_conrady", "brown conrady"))
    if model and len(coefficients) in DISTORTIONS[model] and np.isfinite(coefficients).all():
        return model, coefficients, ""
    return 0, (), f'its distortion "{name}" of {len(coefficients)} numbers was left out'


def _name(camera: Camera) -> str:
    if camera.distortion == 1 and len(camera.coefficients) > 5:
        return "rational_polynomial"
    return {0: "plumb_bob", 1: "plumb_bob", 2: "Inverse Brown Conrady", 3: "equidistant"}[
        camera.distortion
    ]
