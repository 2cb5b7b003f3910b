"""Regions of tissue on drawn screens of known layout: how exact, what is left of a webcam, false ones, time."""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd

from benchmarks import report
from benchmarks.screens import WITH_TISSUE, WITHOUT, Screen, encoded, webcam
from benchmarks.sections import tissue
from stages.common.data.arrays import Floats, Picture
from stages.common.data.pictures import decode
from stages.common.regions.boxes import Box, overlap
from stages.common.regions.finder import Region, tissue_regions
from stages.common.regions.moving import MovingAreas, moving_areas
from stages.common.regions.panels import figure_panels
from stages.demo.render import arrow, head

SEED = 18
EXACT = 0.9
BUDGET_MS = 60
SMALL = 320  # pixels of the long side of the grey frames that moving areas are found in
FPS, HOLD_S = 5, 8


@dataclass
class FoundRegions:
    """What was found on screens of one kind."""

    overlaps: list[float] = field(default_factory=list)
    extra: int = 0  # regions that show no tissue
    insets: int = 0  # where there are none
    ms: list[float] = field(default_factory=list)


def matched(true: list[Box], found: list[Region]) -> tuple[list[float], list[Region]]:
    """Intersection over union of each true box with its best region, and the regions that no box took."""
    left, values = list(found), []
    for box in true:
        best = max(left, key=lambda region: overlap(box, region.box), default=None)
        values.append(overlap(box, best.box) if best else 0.0)
        if best and values[-1] > 0:
            left.remove(best)
    return values, left


def screens(draw: Callable[[np.random.Generator], Screen], count: int) -> FoundRegions:
    """Regions of `count` screens; the time is that of a frame in full HD."""
    tally = FoundRegions()
    for number in range(count):
        rng = np.random.default_rng([SEED, number, *draw.__name__.encode()])
        screen = draw(rng)
        image = encoded(screen.image, rng)
        found = tissue_regions(image, screen.webcams)
        values, left = matched(screen.tissue, found)
        tally.overlaps += values
        tally.extra += len(left)
        if not screen.webcams and not screen.navigators:
            tally.insets += sum(len(region.insets) for region in found)
        large = cv2.resize(image, (1920, 1080), interpolation=cv2.INTER_CUBIC)
        began = time.process_time()
        tissue_regions(large)
        tally.ms.append(1000 * (time.process_time() - began))
    return tally


def all_screens(count: int) -> None:
    """Every kind of screen, then all together."""
    values: list[float] = []
    milliseconds: list[float] = []
    for draw in (*WITH_TISSUE, *WITHOUT):
        tally = screens(draw, count)
        values, milliseconds = values + tally.overlaps, milliseconds + tally.ms
        note = f"{count} screens; {tally.extra} regions without tissue, {tally.insets} insets where there are none"
        if tally.overlaps:
            low, middle = np.quantile(tally.overlaps, (0.05, 0.5))
            note += f"; IoU mean {np.mean(tally.overlaps):.3f}, median {middle:.3f}, 5 % below {low:.3f}"
            report(f"regions, {draw.__name__}", share(tally.overlaps), None, EXACT, note, unit="share", at_least=True)
        else:
            report(f"regions, {draw.__name__}", tally.extra / count, None, 0.05, note, unit="false regions")
    report("regions, all", share(values), None, EXACT, f"of {len(values)} with IoU >= 0.9", unit="share", at_least=True)
    note = f"1080p on one core; 90 % below {np.quantile(milliseconds, 0.9):.0f} ms"
    report("regions, time a frame", float(np.median(milliseconds)), None, BUDGET_MS, note, unit="ms")


def share(values: list[float]) -> float:
    """How many are exact."""
    return float(np.mean(np.array(values) >= EXACT))


def clip(screen: Screen, covered: Box, rng: np.random.Generator) -> Iterator[Picture]:
    """A hold of `screen`: a speaker moves in `covered`, a cursor circles; as a video shows it."""
    writer, reader = av.CodecContext.create("libx264", "w"), av.CodecContext.create("h264", "r")
    height, width = screen.image.shape[:2]
    writer.width, writer.height, writer.pix_fmt, writer.thread_count = width, height, "yuv420p", 1
    writer.time_base, writer.options = Fraction(1, FPS), {"crf": "25", "preset": "veryfast"}
    speaker, (x, y) = int(rng.integers(1 << 20)), rng.uniform(0.35, 0.6, 2) * (width, height)
    for number in [*range(FPS * HOLD_S), None]:
        frame = None
        if number is not None:
            now = number / FPS
            seen = head(now, speaker)[:, 160:1120]
            image = screen.image.copy()
            image[covered.slices] = cv2.resize(seen, (covered.width, covered.height), interpolation=cv2.INTER_AREA)
            turn = 2 * np.pi * now / 2.2
            image = arrow(image, x + 0.1 * width * np.cos(turn), y + 0.1 * height * np.sin(turn))
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        for packet in writer.encode(frame):
            yield from (picture.to_ndarray(format="rgb24") for picture in reader.decode(packet))
    yield from (picture.to_ndarray(format="rgb24") for picture in reader.decode(None))


def webcams(count: int) -> None:
    """Speakers that move: is their box found, and is a pixel of it left in a region?"""
    found_exactly, left, regions, false = [], [], [], 0
    for number in range(count):
        rng = np.random.default_rng([SEED, number, 1])
        screen = webcam(rng)
        (covered,) = screen.webcams
        images = list(clip(screen, covered, rng))
        image = np.median(np.stack(images[:: len(images) // 9]), axis=0).astype(np.uint8)
        areas, size = followed(images)
        boxes = moving_areas(areas, image, size)
        found_exactly.append(max((overlap(covered, box) for box in boxes), default=0.0))
        false += sum(overlap(covered, box) < 0.3 for box in boxes)
        kept = np.zeros(image.shape[:2], bool)
        seen = tissue_regions(image, boxes)
        for region in seen:
            kept[region.box.slices] = True
        for inset in (inset for region in seen for inset in region.insets):
            kept[inset.slices] = False
        left.append(float(kept[covered.slices].mean()))
        regions += matched(screen.tissue, seen)[0]
    note = f"{count} speakers over 4 to 20 % of the frame; IoU mean {np.mean(found_exactly):.3f}; {false} false areas"
    report("moving areas", share(found_exactly), None, EXACT, note, unit="share", at_least=True)
    note = f"mean share {np.mean(left):.5f}, worst {max(left):.4f}"
    report("webcams with a pixel in a region", float(np.mean(np.array(left) > 0)), None, 0, note, unit="share")
    report("regions beside webcams", share(regions), None, EXACT, "IoU >= 0.9", unit="share", at_least=True)


def followed(images: list[Picture]) -> tuple[list[Box], tuple[int, int]]:
    """The areas that move through a hold, and the size of the frames in which they were found."""
    areas = MovingAreas()
    scale = SMALL / max(images[0].shape[:2])
    for number, image in enumerate(images):
        grey = cv2.resize(
            cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
        )
        areas.add(number / FPS, grey)
    return areas.boxes(), (grey.shape[1], grey.shape[0])


def plates(count: int) -> None:
    """Figures of one to twelve panels, with gutters of any colour and width and letters."""
    right, exact, columns_right = 0, [], 0
    for number in range(count):
        rng = np.random.default_rng([SEED, number, 2])
        image, true = plate(rng)
        found = figure_panels(
            decode(cv2.imencode(".jpg", image[..., ::-1], [1, int(rng.integers(60, 95))])[1].tobytes())
        )
        right += len(found) == len(true)
        columns_right += len(found) == len(true) and all(overlap(a, b) > 0.5 for a, b in zip(true, found, strict=True))
        exact += [max((overlap(box, one) for one in found), default=0.0) for box in true]
    note = f"{count} plates; {right} with as many panels, IoU >= 0.9 in {share(exact):.3f} of the panels"
    report("panels, number and order right", columns_right / count, None, EXACT, note, unit="share", at_least=True)


def plate(rng: np.random.Generator) -> tuple[Picture, list[Box]]:
    """A figure and the boxes of its panels in reading order."""
    rows, columns = ((1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (1, 4), (1, 8), (3, 4), (2, 1))[int(rng.integers(9))]
    gutter, letters = int(rng.choice((0, 4, 8, 12, 20))), rng.random() < 0.5
    width, height = int(rng.integers(140, 420)), int(rng.integers(140, 360))
    colour = int(rng.choice((255, 255, 255, 0, 128)))
    across, down = columns * (width + gutter) + gutter, rows * (height + gutter) + gutter
    image = np.full((down, across, 3), colour, np.uint8)
    boxes = []
    for n in range(rows * columns):
        left, top = gutter + n % columns * (width + gutter), gutter + n // columns * (height + gutter)
        box = Box(left, top, left + width, top + height)
        image[box.slices] = tissue(width, height, rng)
        if letters:
            place = (left + 6, top + 26)
            cv2.putText(image, "ABCDEFGHIJKL"[n], place, cv2.FONT_HERSHEY_DUPLEX, 0.9, (0, 0, 0), 2, cv2.LINE_AA)
        boxes.append(box)
    return image, boxes


def real_frames(folder: Path) -> None:
    """How many labelled frames of `folder` get regions, by kind (the column `kind`, else `label`), for information."""
    labels = pd.read_csv(folder / "labels.csv")
    for kind, own in labels.groupby("kind" if "kind" in labels else "label"):
        areas: list[Floats] = []
        for file in own.file:
            image = decode((folder / file).read_bytes())
            found = tissue_regions(image)
            areas.append(np.array([len(found), sum(region.box.area for region in found) / image[..., 0].size]))
        counts, shares = np.array(areas).T
        note = f"{len(own)} frames; {counts.mean():.2f} regions a frame, over {shares.mean():.2f} of it"
        report(
            f"real frames with regions, {kind}", float((counts > 0).mean()), None, 0, note, unit="share", at_least=True
        )


def main() -> None:
    """Measure all, or only a folder of real frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=Path, help="folder with labels.csv: only these are measured")
    parser.add_argument("--count", type=int, default=40, help="screens of each kind")
    options = parser.parse_args()
    if options.frames:
        real_frames(options.frames)
        return
    all_screens(options.count)
    webcams(options.count)
    plates(2 * options.count)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
