"""Whole slides in tiles: where there is tissue, at one resolution (openslide)."""

import functools
import io
from typing import Any

import numpy as np

from stages.common.data.arrays import Floats
from stages.common.errors import StageError

OVERVIEW = 8  # pixels of the overview for each side of a tile
TISSUE = 0.25  # share of a tile that is to be tissue
GREY = 0.05  # saturation of bare glass, at most


def tiles_of(path: str, side: int, mpp: float) -> list[str]:
    """Return references of the slide's tiles of `side` pixels at `mpp` microns per pixel that show tissue, without
    overlap, for `read_tile`. Raises StageError for a file that is no slide, one without its resolution, and one without
    tissue."""
    slide = _opened(path)
    width = round(side * mpp / _resolution(path))
    columns, rows = (int(length // width) for length in slide.dimensions)
    if not columns or not rows:
        raise StageError(f"{path}: smaller than one tile of {side} pixels at {mpp} microns per pixel")
    whole = slide.read_region((0, 0), slide.level_count - 1, slide.level_dimensions[-1]).convert("RGB")
    scale = width / slide.level_downsamples[-1]
    overview = whole.resize((columns * OVERVIEW, rows * OVERVIEW), box=(0, 0, columns * scale, rows * scale))
    share = tissue(np.asarray(overview, np.float64)).reshape(rows, OVERVIEW, columns, OVERVIEW).mean((1, 3))
    found = [f"{path}#{x * width},{y * width},{width},{side}" for y, x in np.argwhere(share >= TISSUE)]
    if not found:
        raise StageError(f"{path}: no tissue found: leave the slide out")
    return found


def tissue(pixels: Floats) -> Floats:
    """1 where RGB pixels are coloured, by Otsu's threshold of their saturation, and 0 on bare glass."""
    from skimage.filters import threshold_otsu

    brightest = pixels.max(2)
    saturation = (brightest - pixels.min(2)) / np.maximum(brightest, 1)
    threshold = max(GREY, threshold_otsu(saturation) if np.ptp(saturation) else 0)
    found: Floats = (saturation > threshold).astype(np.float64)
    return found


def read_tile(reference: str) -> bytes:
    """The picture of a tile, as PNG."""
    path, _, place = reference.rpartition("#")
    x, y, width, side = map(int, place.split(","))
    slide = _opened(path)
    level = slide.get_best_level_for_downsample(width / side)
    pixels = max(1, round(width / slide.level_downsamples[level]))
    picture = slide.read_region((x, y), level, (pixels, pixels)).convert("RGB").resize((side, side))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _resolution(path: str) -> float:
    """Microns per pixel of the whole slide."""
    properties = _opened(path).properties
    if found := properties.get("openslide.mpp-x"):
        return float(found)
    if power := properties.get("openslide.objective-power"):
        return 10 / float(power)  # 0.5 microns at 20x
    raise StageError(f"{path}: the slide does not say its resolution: write openslide.mpp-x into the file")


@functools.lru_cache(maxsize=8)
def _opened(path: str) -> Any:
    try:
        import openslide
    except ImportError:
        raise StageError("slides need openslide: pip install openslide-python openslide-bin") from None
    try:
        return openslide.OpenSlide(path)
    except (openslide.OpenSlideError, OSError) as error:
        raise StageError(f"{path}: openslide cannot read it: {error}") from None
