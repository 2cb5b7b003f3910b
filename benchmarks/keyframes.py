"""Keyframes and rois: speed against decoding, the published way and PySceneDetect; memory; growth with length."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import report, seconds
from benchmarks.lectures import as_served, frame_filter, long_video
from stages.common.frame_filter.classifier import load_filter
from stages.common.incremental.runner import Item
from stages.common.stage.params import load_params
from stages.demo.render import arrow
from stages.demo.tissue import paint
from stages.keyframes.holds import Hold, HoldFinder
from stages.keyframes.params import Params
from stages.keyframes.reader import SMALL, VideoReader, clean_image, prefetch
from stages.keyframes.work import keyframes
from stages.rois.work import rois

HOLD_S, FPS = 8, 30


def decode(path: Path, threads: str = "SLICE") -> None:
    """Decode every frame of a video; SLICE is what PyAV does unless told otherwise."""
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = threads
        for _ in container.decode(video=0):
            pass


def stages(path: Path, out: Path, model: Path) -> None:
    """The two stages' work on one video: cuts, holds, pre-screening, clean images, cursor, boxes, files."""
    keyframes(Item("v", "", {"path": str(path)}), out, load_params("keyframes")[0], model, 1, "cpu")
    rois(Item("v", "", {"keyframes": str(out / "v.tar"), "holds": str(out / "v.parquet")}), out, load_params("rois")[0])


def published(path: Path) -> NDArray[np.uint8]:
    """The released script's way with one hold (quilt1m, data_utils.py): SSIM of neighbours, median of all frames."""
    from skimage.metrics import structural_similarity

    rng = np.random.default_rng(0)
    capture = cv2.VideoCapture(str(path))
    kept: list[Any] = []
    before = None
    while True:
        more, frame = capture.read()
        if not more:
            break
        if before is not None:
            y, x = int(rng.integers(frame.shape[0] // 2 - 64)), int(rng.integers(frame.shape[1] // 2 - 64))
            crops = (image[y : y + 64, x : x + 64] for image in (before, frame))
            if structural_similarity(*crops, channel_axis=2) > 0.98:
                kept.append(frame)
        before = frame
    return np.median(np.stack(kept), axis=0).astype(np.uint8)[..., ::-1]


def one_hold(folder: Path) -> Path:
    """An 8 s hold at 720p with a circling cursor."""
    scene = paint("colorectal_cancer", 720, 1280, np.random.default_rng(3))
    source, path = folder / "drawn.mp4", folder / "hold.mp4"
    with av.open(str(source), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for n in range(HOLD_S * FPS):
            turn = 2 * np.pi * n / 60
            seen = arrow(scene, 640 + 150 * np.cos(turn), 360 + 150 * np.sin(turn))
            out.mux(stream.encode(av.VideoFrame.from_ndarray(seen, format="rgb24")))
        out.mux(stream.encode(None))
    as_served(source, path)
    return path


def ours(path: Path, params: Params) -> list[NDArray[np.uint8]]:
    """The same by this repository, cuts, cursor and pre-screening left out: holds and their clean images."""
    finder: HoldFinder[Any] = HoldFinder(
        params.min_hold_s, params.max_shift * SMALL, params.changed_block_fraction, params.median_frames
    )
    video = VideoReader(path, 2)
    holds: list[Hold[Any]] = []
    for frame in prefetch(video, video.ahead):
        if frame.number % round(video.fps / params.sample_fps) == 0:
            grey = frame.grey(SMALL)
            holds += finder.feed(frame.time, grey, finder.shift(grey), frame.picture)
    holds += finder.finish(video.end)
    return [clean_image([picture for picture, _ in hold.samples]) for hold in holds]


def against_published(folder: Path) -> None:
    """One hold: time, and how near the bounded median comes to that of all frames."""
    path = one_hold(folder)
    params = load_params("keyframes")[0]
    mine, theirs = seconds(lambda: ours(path, params), rounds=5), seconds(lambda: published(path), rounds=1)
    alone = seconds(lambda: decode(path))
    note = f"times as fast; an 8 s hold at 720p, read and made an image; reading alone takes {alone:.3f} s"
    report("one hold, published way", theirs, mine, 50, note, at_least=True)
    exact = clean_image([frame.picture for frame in VideoReader(path, 2)])
    near = cv2.PSNR(ours(path, params)[0], exact)
    report("clean image, exact median", near, None, 40, "PSNR", unit="dB", at_least=True)


def peak_mb(path: Path, model: Path) -> None:
    """Print the megabytes by which one video raises what this process holds above libraries and model."""
    import threading

    import psutil

    load_filter(model).predict([np.zeros((64, 64, 3), np.uint8)])
    own, done, peak = psutil.Process(), threading.Event(), [0]

    def watch() -> None:
        while not done.wait(0.02):
            peak[0] = max(peak[0], own.memory_info().rss)

    with tempfile.TemporaryDirectory() as folder:
        before = own.memory_info().rss
        watcher = threading.Thread(target=watch)
        watcher.start()
        stages(path, Path(folder), model)
        done.set()
        watcher.join()
    print((peak[0] - before) / 2**20)


def measure(folder: Path) -> None:
    """Print every figure."""
    model = frame_filter()
    load_filter(model).predict([np.zeros((64, 64, 3), np.uint8)])
    video = long_video(folder, 120)
    stages(video, folder, model)  # libraries are imported now
    both, plain, threaded = (
        seconds(task)
        for task in (lambda: stages(video, folder, model), lambda: decode(video), lambda: decode(video, "AUTO"))
    )
    report("keyframes and rois, decode", both, plain, 2.0, "120 s at 720p against PyAV decoding it once")
    report("keyframes and rois, threaded decode", both, threaded, 2.0, "the same against PyAV with frame threads")
    from scenedetect import AdaptiveDetector, detect

    theirs = seconds(lambda: detect(str(video), AdaptiveDetector()))
    report("keyframes and rois, AdaptiveDetector", both, theirs, 1.0, "the same file; PySceneDetect finds cuts alone")
    against_published(folder)
    command = [sys.executable, "-m", "benchmarks.keyframes", "peak", str(long_video(folder, 600, 1080)), str(model)]
    peak = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])
    report("peak memory", peak, None, 1024, "10 minutes at 1080p, above libraries and model", unit="MiB")
    minutes = {}
    for length in (5, 60):
        path = long_video(folder, 60 * length)
        start = time.perf_counter()
        stages(path, folder, model)
        minutes[length] = (time.perf_counter() - start) / length
    report("growth", minutes[60], minutes[5], 1.1, "seconds a minute of video, 60 minutes against 5")


if __name__ == "__main__":
    if sys.argv[1:2] == ["peak"]:
        peak_mb(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        with tempfile.TemporaryDirectory() as place:
            measure(Path(place))
