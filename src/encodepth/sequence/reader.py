"""Reading recordings: any frame, by number or by time, decoding no more than its chunk needs."""

from __future__ import annotations

import bisect
import itertools
import operator
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, overload

import numpy as np

from ..container.header import Camera, Value
from ..container.sequence import SequenceReader
from ..errors import CorruptFileError, EncodepthError
from ..frame import INVALID, MILLIMETRE, Frame, Intrinsics, RgbdImage
from ..learned.models import Models, Unrestoring
from ..modalities import PLANES, modality
from ..settings import wanted_streams, whole
from .ahead import ahead
from .cache import CACHE_BYTES, GroupCache
from .group import DecodedGroup
from .source import open_source


class Reader:
    """A recording, read in any order.

    Frames are decoded when they are asked for; a frame costs at most the frames of its chunk before
    it, and what was decoded of a chunk is kept for a while. Several threads may read at once. A
    reader that was made before a fork works in the child too.

    Args:
        source: a path, a URL of fsspec, bytes, or a file object that can seek.
        streams: modalities that are wanted, as for `decode`; all of them if None.
        model: weights to look into first.
        device: where networks run.
        cache: bytes of decoded groups that are kept beside the one in use, or a cache that several
            readers share.
        restore: whether networks restore lossy pictures where the writer had them do so; without
            them decoding takes a tenth of the time, and errors are a little larger.
        threads: that decode at a time: planes of a frame, and frames ahead where it is iterated.

    Attributes:
        problems: a line for each thing that is wrong with the file, none if all is well.
        times: of every frame, in ns.

    Raises:
        CorruptFileError: this is no recording, or its header is damaged.
        EncodepthError: it cannot be read.
    """

    def __init__(
        self,
        source: Any,
        *,
        streams: str | Iterable[str] | None = None,
        model: str = "base",
        device: str = "auto",
        cache: int | GroupCache = CACHE_BYTES,
        restore: bool = True,
        threads: int = 2,
    ) -> None:
        self._threads = whole("threads", threads, 1)
        self._cache = cache if isinstance(cache, GroupCache) else GroupCache(cache)
        self._args = (source, streams, model, device, self._cache, restore, threads)
        self._wanted = wanted_streams(streams)
        self._source = open_source(source)
        try:
            self._file = SequenceReader(self._source.read_at, self._source.size)
        except CorruptFileError as error:
            if isinstance(source, str | os.PathLike):
                raise CorruptFileError(f"{self._source.name}: {error}") from None
            raise
        models = Models(model, device=device)
        self._models = models if restore else Unrestoring(models)
        self._owner = object()  # of groups in the cache
        self.problems = self._file.problems

    def __len__(self) -> int:
        return self._file.frames

    @overload
    def __getitem__(self, which: int) -> Frame: ...

    @overload
    def __getitem__(self, which: slice) -> Iterator[Frame]: ...

    def __getitem__(self, which: int | slice) -> Frame | Iterator[Frame]:
        if isinstance(which, slice):
            return self._walk(range(len(self))[which])
        number = operator.index(which)
        if not -len(self) <= number < len(self):
            raise IndexError(f"frame {number}; the recording has {len(self)}")
        return self._frame(number % len(self), self._threads)

    def __iter__(self) -> Iterator[Frame]:
        return self._walk(range(len(self)))

    def at(self, time: int) -> Frame:
        """Return the frame whose time is nearest to `time`, in ns.

        Raises:
            IndexError: the recording has no frame.
        """
        return self[self.nearest(time)]

    def nearest(self, time: int) -> int:
        """Return the number of the frame whose time is nearest to `time`, in ns.

        Where chunks follow each other in time no more than two of them are read.

        Raises:
            IndexError: the recording has no frame.
        """
        chunks = self._file.chunks
        if not chunks:
            raise IndexError("the recording has no frame")
        near = range(len(chunks))
        if all(a.end <= b.start for a, b in itertools.pairwise(chunks)):
            after = bisect.bisect_right([c.start for c in chunks], time)
            near = range(max(after - 1, 0), min(after + 1, len(chunks)))
        held = [
            (abs(frame.time - time), chunks[n].first + i)
            for n in near
            for i, frame in enumerate(self._group(n).chunk.frames)
        ]
        return min(held)[1]

    def plane(self, number: int, name: str) -> np.ndarray | None:
        """Return one modality of a frame, decoding no more than that needs.

        Args:
            number: of the frame.
            name: "color", "depth", or a further plane; whatever `streams` says.

        Returns:
            The array, which is the reader's own, or None where the frame has none.

        Raises:
            IndexError: the recording has no such frame.
            CorruptFileError: it is damaged.
        """
        found = self._file.find(number)
        return self._planes(number, found, self._group(found), (name,)).get(name)

    def time(self, number: int) -> int:
        """Return a frame's time in ns, without decoding it.

        Raises:
            IndexError: the recording has no such frame.
            CorruptFileError: the chunk it is in is damaged.
        """
        found = self._file.find(number)
        return self._group(found).chunk.frames[number - self._file.chunks[found].first].time

    @property
    def times(self) -> np.ndarray:
        """Times of all frames, int64 nanoseconds; reads what lies between the payloads."""
        if not hasattr(self, "_times"):
            found = np.zeros(len(self), np.int64)
            for number, entry in enumerate(self._file.chunks):
                frames = self._group(number).chunk.frames
                found[entry.first : entry.first + entry.frames] = [f.time for f in frames]
            self._times = found
        return self._times

    @property
    def metadata(self) -> Mapping[str, Value]:
        """What the writer said about the recording."""
        return self._file.header.metadata

    @property
    def cameras(self) -> dict[str, Camera]:
        """The camera of each modality whose camera is known."""
        header = self._file.header
        return {
            modality(m.number).name: header.cameras[m.camera]
            for m in header.modalities
            if m.camera is not None
        }

    @property
    def depth_unit(self) -> float:
        """Metres per step of depth."""
        units = [m.unit for m in self._file.header.modalities if m.unit is not None]
        return units[0] if units else MILLIMETRE

    @property
    def intrinsics(self) -> Intrinsics | None:
        """Depth's camera as four numbers, colour's where depth has none, or None."""
        cameras = self.cameras
        camera = cameras.get("depth") or cameras.get("color")
        return None if camera is None else Intrinsics(*camera.focal, *camera.center)

    @property
    def container(self) -> SequenceReader:
        """The file below: chunks and streams, payloads still coded."""
        return self._file

    def kept_jpeg(self, number: int) -> bytes | None:
        """Return the JPEG file that a frame's colour was kept as, None where only pixels were.

        Raises:
            CorruptFileError: the frame's chunk or the file's payload is damaged.
        """
        found = self._file.find(number)
        i = number - self._file.chunks[found].first
        kept: bytes | None = self._group(found).kept(modality("color").number, i)
        return kept

    def bounds(self, number: int) -> dict[str, int | None]:
        """Return how many steps each plane of a frame may be off: 0 exact, None for lossy codings.

        Raises:
            CorruptFileError: the frame's chunk is damaged.
        """
        found = self._file.find(number)
        i = number - self._file.chunks[found].first
        return self._group(found).bounds(i)

    def hold(self, number: int) -> Any:
        """Return a frame's group of pictures: what is decoded of it stays while that lives.

        Raises:
            IndexError: the recording has no such frame.
            CorruptFileError: the chunk it is in is damaged.
        """
        return self._group(self._file.find(number))

    def close(self) -> None:
        """Give the file back."""
        self._cache.forget(self._owner)
        self._source.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> tuple[Any, ...]:
        """Let another process open the same path or URL."""
        if not isinstance(self._args[0], str | os.PathLike):
            raise EncodepthError("only a reader of a path or a URL can go to another process")
        return self._args

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        source, streams, model, device, cache, restore, threads = state
        self.__init__(  # type: ignore[misc]
            source,
            streams=streams,
            model=model,
            device=device,
            cache=cache,
            restore=restore,
            threads=threads,
        )

    def _frame(self, number: int, threads: int = 1) -> Frame:
        found = self._file.find(number)
        group = self._group(found)
        held = self._planes(number, found, group, self._wanted, threads)
        planes = {name: array for name, array in held.items() if name in PLANES}
        coded = group.chunk.frames[number - self._file.chunks[found].first]
        image = RgbdImage(
            held.get("color"), held.get("depth"), self.depth_unit, self.intrinsics, planes
        )
        return Frame(image, coded.time, _pose(coded.pose), number)

    def _planes(
        self,
        number: int,
        found: int,
        group: DecodedGroup,
        names: tuple[str, ...],
        threads: int = 1,
    ) -> dict[str, np.ndarray]:
        """Return those planes of a frame that it has; `found` is the chunk it is in."""
        i = number - self._file.chunks[found].first
        if sum(group.lacks(modality(name).number, i) for name in names) < 2:
            threads = 1

        def plane(name: str) -> np.ndarray | None:
            return group.plane(modality(name).number, i)

        try:
            each = map(plane, names) if threads == 1 else ahead(plane, names, threads, len(names))
            arrays = dict(zip(names, each, strict=True))
        except CorruptFileError as error:
            raise CorruptFileError(f"frame {number}: {error}") from None
        finally:
            self._cache.settle((self._owner, found))
        held = {name: array for name, array in arrays.items() if array is not None}
        if "depth" in held and held["depth"].max(initial=0) == INVALID:  # a far pixel, no hole
            held["depth"] = np.minimum(held["depth"], np.uint16(INVALID - 1))
        return held

    def _group(self, number: int) -> DecodedGroup:
        """Return a chunk at work, from those that are kept or from the file."""

        def make() -> DecodedGroup:
            return DecodedGroup(self._file.read(number), self._file.header, self._models)

        return self._cache.get((self._owner, number), make)

    def _walk(self, numbers: range) -> Iterator[Frame]:
        """Yield frames in order, decoding some ahead of the one in use."""
        return ahead(self._frame, numbers, self._threads, self._threads, self.hold)


def _pose(stored: tuple[float, ...] | None) -> np.ndarray | None:
    """Return camera to world, (4, 4), from either of the file's forms."""
    if stored is None:
        return None
    pose = np.eye(4)
    if len(stored) == 12:
        pose[:3, :3], pose[:3, 3] = np.reshape(stored[:9], (3, 3)), stored[9:]
        return pose
    x, y, z, w = np.asarray(stored[3:]) / np.linalg.norm(stored[3:])
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    pose[:3, 3] = stored[:3]
    return pose
