"""The table of layouts: one file of this folder and one row each, with the evidence needed.

The first whose evidence a folder shows has it. A name that anybody may give (bedroom, office,
associations.txt) is no evidence: what only looks alike is a plain folder, and its unit and camera
are what files beside it say.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import (
    bop,
    folder,
    icl_nuim,
    nerfstudio,
    nyu_v2,
    redwood,
    scannet,
    seven_scenes,
    sun_rgbd,
    threedmatch,
    tum,
)
from .found import Reader


@dataclass(frozen=True)
class Layout:
    """One way in which people lay pairs out.

    Attributes:
        name: for people; what `Found.layout` starts with.
        read: returns the pairs, or None where the evidence is missing.
        evidence: what has to be there.
        unit: what the depth unit is taken from, in order.
        camera: the same of the camera.
        pose: the same of poses, "" if the layout has none.
    """

    name: str
    read: Reader
    evidence: str
    unit: str
    camera: str
    pose: str = ""


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "BOP", bop.read, "`scene_camera.json` beside `depth/`",
        "`depth_scale` of the frame", "`cam_K` of the frame", "`cam_R_w2c`, `cam_t_w2c`",
    ),
    Layout(
        "nerfstudio", nerfstudio.read, "`transforms.json` with `depth_file_path`",
        "`depth_unit_scale_factor`, else mm", "`fl_x fl_y cx cy` of file or frame",
        "`transform_matrix`",
    ),
    Layout(
        "SUN RGB-D", sun_rgbd.read,
        "one frame, `intrinsics.txt`, and a path `SUNRGBD/kv1 ..` or its other files",
        "mm after rotation", "`intrinsics.txt`",
    ),
    Layout(
        "TUM RGB-D", tum.read,
        "`rgb.txt` and `depth.txt`, or `associations.txt`; a name `rgbd_dataset_freiburg1..3`",
        "0.2 mm by the name; by lists alone doubtful", "by the name", "`groundtruth.txt`",
    ),
    Layout(
        "3DMatch", threedmatch.read, "`frame-000000.depth.png` below `camera-intrinsics.txt`",
        "mm", "`camera-intrinsics.txt`", "`frame-000000.pose.txt`",
    ),
    Layout(
        "7-Scenes", seven_scenes.read,
        "`chess/seq-01/frame-000000.color.png`, one of its scenes; certain with `TrainSplit.txt`",
        "mm, 65535 is a hole", "585, 585, 320, 240", "`frame-000000.pose.txt`",
    ),
    Layout(
        "NYU Depth v2, raw", nyu_v2.read, "`r-*.ppm` and `d-*.pgm`",
        "disparity, to mm", "the toolbox's",
    ),
    Layout(
        "augmented ICL-NUIM", icl_nuim.read,
        "`livingroom1-color` beside `-depth-clean`; or `colors`, `depth_noisy` in `office2`",
        "mm", "525, 525, 319.5, 239.5", "`*-traj.txt`",
    ),
    Layout(
        "Redwood indoor LiDAR-RGBD", redwood.read, "`rgbd_bedroom/bedroom/{image,depth}`",
        "mm", "525, 525, 319.5, 239.5", "`*.log`",
    ),
    Layout(
        "ScanNet", scannet.read, "`scene0000_00/{color,depth}`, or `intrinsic_depth.txt`",
        "mm", "`intrinsic_depth.txt`", "`pose/0.txt`",
    ),
    Layout(
        "folder", folder.read, "`color/` (`rgb/`, `image/` ..) or `depth/`, or both",
        "a file beside it", "a file beside it", "a trajectory beside it",
    ),
    Layout(
        "color and depth side by side", folder.read_side_by_side,
        "`x_color.*` beside `x_depth.png`, `x.color.jpg` beside `x.depth.png`",
        "a file beside it", "a file beside it", "`x.pose.txt`, a trajectory",
    ),
)  # fmt: skip
