"""Recordings for training in torch: by index, as a shuffled stream, from WebDataset, as LeRobot's.

>>> from encodepth.torch import Recordings
>>> data = Recordings("recordings/", clip=8)
>>> data[0]["depth"].shape  # (8, 1, H, W) float32 metres

Only this package and those that train import torch; nothing else of encodepth needs it.
"""

from .lerobot import LeRobot
from .recordings import Recordings
from .sampler import GroupSampler
from .samples import Form, collate
from .stream import Stream
from .webdataset import Decoder

__all__ = ["Decoder", "Form", "GroupSampler", "LeRobot", "Recordings", "Stream", "collate"]
