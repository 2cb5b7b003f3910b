"""A video, read once from beginning to end."""

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.common.data.arrays import Grey, Picture
from stages.common.data.media import decoded, packets
from stages.common.errors import Failed, Rejected
from stages.common.regions.boxes import Box
from stages.keyframes.motion import CLOSE, Shift, moved_back

DETAIL, SMALL = 640, 320  # long side, in pixels, of the grey pictures for cursors and for motion
MAX_PIXELS = 8192 * 4320  # a frame larger than 8K is refused: some dozen of them would not fit into memory
AHEAD_PIXELS = 64 * 1920 * 1080  # of frames that are decoded in advance
EARLY_S = 0.5  # seconds by which the picture track must end before the sound for its last picture to stand
HDR_TRANSFERS = {16, 18}  # ITU-T H.273 codes of PQ and HLG
LUMA_FIRST = ("yuv4", "yuvj4", "nv12", "nv21", "gray")
WIDE_SAMPLES = ("le", "be")  # how formats of more than 8 bits end
T = TypeVar("T")


@dataclass(frozen=True)
class Frame:
    """One decoded frame: its number, when it appears in seconds from the file's beginning, and PyAV's frame."""

    number: int
    time: float
    picture: Any

    def grey(self, long_side: int) -> Grey:
        """Brightness as the file stores it, unrotated, shrunk so that the longer side has `long_side` pixels."""
        name = self.picture.format.name
        if name.startswith(LUMA_FIRST) and not name.endswith(WIDE_SAMPLES):
            luma = _plane(self.picture, 0)
        else:
            luma = self.picture.reformat(format="gray").to_ndarray()
        # In two steps, since OpenCV is fast at halving and the second step has few pixels left.
        return shrink(shrink(luma, DETAIL), long_side)

    def hue(self, long_side: int) -> Grey:
        """Red against blue and green (half of Cr - Cb, from 128), unrotated, shrunk like `grey`."""
        planes = self.picture if self.picture.format.name == "yuv420p" else self.picture.reformat(format="yuv420p")
        shape = shrunk(self.picture.width, self.picture.height, long_side)
        blue, red = (cv2.resize(_plane(planes, n), shape, interpolation=cv2.INTER_AREA) for n in (1, 2))
        return cv2.addWeighted(red, 0.5, blue, -0.5, 128)

    def rgb(self, long_side: int) -> Picture:
        """The frame in colour as a viewer sees it, shrunk like `grey`."""
        width, height = shrunk(self.picture.width, self.picture.height, long_side)
        small = self.picture.reformat(width, height, "rgb24", src_colorspace=self.picture.colorspace)
        return upright(small.to_ndarray(), self.picture.rotation)


class VideoReader:
    """The first video stream of a file: its `fps`, how many frames to decode `ahead`, and the frames by iteration.

    As ffmpeg does, damaged packets are skipped, and frames of another size or format become those of the first.
    Raises Failed("unreadable") for what cannot be opened or decoded, Rejected("hdr") and Rejected("too_large").
    """

    def __init__(self, path: Path, threads: int) -> None:
        import av

        self._path = path
        try:
            self._container = av.open(str(path))
            self._stream = self._container.streams.video[0]
        except (av.FFmpegError, IndexError, OSError) as error:
            raise Failed("unreadable", f"{path.name} holds no readable video: {error}") from None
        context = self._stream.codec_context
        context.thread_type, context.thread_count = "FRAME" if threads > 1 else "SLICE", threads
        if context.width * context.height > MAX_PIXELS:
            raise Rejected("too_large")
        self.ahead = max(2, min(128, AHEAD_PIXELS // max(1, context.width * context.height)))
        self.fps = float(self._stream.average_rate or 25)
        self._origin = (self._container.start_time or 0) / av.time_base
        self.end = 0.0  # of what is shown, in seconds, known once all frames were read

    def __iter__(self) -> Iterator[Frame]:
        """Frames in the order of their times; a frame without a time, or out of order, is left out."""
        import av

        time, first, shown = -np.inf, None, None
        try:
            with self._container as container:
                for number, found in enumerate(decoded(container, self._stream)):
                    first = first or found
                    if number == 0 and found.color_trc in HDR_TRANSFERS:
                        raise Rejected("hdr")
                    picture = _like(first, found)
                    if picture.pts is not None and picture.time - self._origin > time:
                        time, shown = picture.time - self._origin, picture
                        yield Frame(number, time, picture)
                if shown is not None:
                    self.end = self._shown_until(container, shown, time)
        except av.FFmpegError as error:
            reached = f"after {max(0.0, time):.1f} s" if shown else "at all"
            message = f"{self._path.name} cannot be decoded {reached}: {error}"
            raise Failed("undecodable", message) from None

    def _shown_until(self, container: Any, last: Any, time: float) -> float:
        """When the `last` frame, which begins at `time`, is gone: it stands while there is sound."""
        import av

        end = time + (float(last.duration * last.time_base) if last.duration else 1 / self.fps)
        sound = container.streams.audio
        heard = end
        with contextlib.suppress(av.FFmpegError):
            container.seek(last.pts, stream=self._stream)
            for packet in packets(container, *sound) if sound else ():
                if packet.pts is not None:
                    heard = max(heard, float((packet.pts + (packet.duration or 0)) * packet.time_base) - self._origin)
        return heard if heard - end > EARLY_S else end


def _like(first: Any, picture: Any) -> Any:
    """A PyAV frame in the size and format of the first one."""
    size, form = (first.width, first.height), first.format.name
    if (picture.width, picture.height) == size and picture.format.name == form:
        return picture
    return picture.reformat(*size, form)


def _plane(picture: Any, number: int) -> Grey:
    """One plane of 8-bit samples, not copied."""
    plane = picture.planes[number]
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]


def shrunk(width: int, height: int, long_side: int) -> tuple[int, int]:
    """(width, height) with the longer side at most `long_side`, the shape kept."""
    scale = min(1.0, long_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def shrink(grey: Grey, long_side: int) -> Grey:
    """`grey` with the longer side at most `long_side` pixels."""
    return cv2.resize(grey, shrunk(grey.shape[1], grey.shape[0], long_side), interpolation=cv2.INTER_AREA)


def upright(image: Picture, rotation: int) -> Picture:
    """`image` turned by the file's display matrix: `rotation` in degrees, counterclockwise, as PyAV gives it."""
    return np.ascontiguousarray(np.rot90(image, round(rotation / 90))) if rotation % 360 else image


def upright_point(x: NDArray[Any], y: NDArray[Any], rotation: int) -> tuple[Any, Any]:
    """Points in 0..1 of the stored frame as points in 0..1 of the frame that `upright` makes."""
    return {0: (x, y), 1: (y, 1 - x), 2: (1 - x, 1 - y), 3: (1 - y, x)}[round(rotation / 90) % 4]


def upright_box(box: Box, size: tuple[int, int], rotation: int) -> Box:
    """A box in a stored frame of `size` (width, height) as a box in the frame that `upright` makes of it."""
    width, height = size
    across, down = (height, width) if round(rotation / 90) % 2 else size
    sides = np.array(box) / (width, height, width, height)
    x, y = upright_point(sides[[0, 2]], sides[[1, 3]], rotation)
    (left, right), (top, bottom) = sorted(np.rint(x * across).astype(int)), sorted(np.rint(y * down).astype(int))
    return Box(int(left), int(top), int(right), int(bottom))


def clean_image(pictures: list[Any], shifts: list[Shift] | None = None) -> Picture:
    """The median frame of PyAV frames, pixel by pixel, as RGB, upright, at their own size: a cursor goes.

    `shifts` say by how much each is moved, in pixels of a grey frame of SMALL, when the camera was not still.
    """
    import av

    first = pictures[0]
    sizes = [shift.size for shift in shifts or []]
    planar = first.format.name == "yuv420p" and first.width % 2 == 0 and first.height % 2 == 0
    if max(sizes, default=0.0) > CLOSE:
        long_side = min(SMALL, max(first.width, first.height))
        images = [p.reformat(format="rgb24", src_colorspace=p.colorspace).to_ndarray() for p in pictures]
        onto, pairs = images[int(np.argmin(sizes))], zip(images, shifts or [], strict=True)
        image = median([moved_back(image, shift, long_side, onto) for image, shift in pairs])
    elif planar:
        middle = av.VideoFrame.from_ndarray(median([picture.to_ndarray() for picture in pictures]), format="yuv420p")
        middle.colorspace, middle.color_range = first.colorspace, first.color_range
        image = middle.reformat(format="rgb24", src_colorspace=first.colorspace).to_ndarray()
    else:
        image = median([p.reformat(format="rgb24", src_colorspace=p.colorspace).to_ndarray() for p in pictures])
    return upright(image, first.rotation)


def median(images: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Pixel-wise median of same-shaped images; of the two middle values the lower.

    Half of a bubble sort of whole arrays, a few cache-sized rows at a time: OpenCV's min and max are far faster than
    sorting pixels one by one.
    """
    middle = (len(images) - 1) // 2
    out = np.empty_like(images[0])
    rows = max(1, (1 << 16) // (images[0][0].size))
    for top in range(0, len(out), rows):
        part = [image[top : top + rows] for image in images]
        for lowest in range(middle + 1):
            for i in range(len(part) - 1, lowest, -1):
                part[i - 1], part[i] = cv2.min(part[i - 1], part[i]), cv2.max(part[i - 1], part[i])
        out[top : top + rows] = part[middle]
    return out


def prefetch(items: Iterable[T], depth: int) -> Iterator[T]:
    """Yield `items` in order while a thread makes up to `depth` of them in advance; its exception is raised here."""
    ready: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(depth)
    stop = threading.Event()

    def put(entry: tuple[bool, T | BaseException | None]) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(entry, timeout=0.1)
                break

    def work() -> None:
        try:
            for item in items:
                put((True, item))
                if stop.is_set():
                    return
            put((False, None))
        except BaseException as error:
            put((False, error))

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        while True:
            more, item = ready.get()
            if not more:
                if isinstance(item, BaseException):
                    raise item
                return
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        worker.join()
