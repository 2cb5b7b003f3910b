"""Tissue of known scale, for the estimate of magnification: real slides, and drawn tissue of other seeds."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from PIL import Image

from stages.common.data.files import jpeg, write_bytes
from stages.demo.real import photograph
from stages.demo.tissue import PAINTERS, paint

# Micrometres a pixel of the real images: the slide of skin states it. The others state none; theirs is what makes
# their lymphocytes 7 to 8 micrometres across, and all of them are what a slide scanner calls 20x.
REAL = {
    "skin": ("skin", 0.499),
    "ovary_nest": ("ovary", 0.48),
    "ovary_stroma": ("ovary", 0.48),
    "gland": ("gland", 0.46),
    "pleomorphic": ("pleomorphic", 0.5),
    "colon_ihc": ("colon", 0.5),
}
DRAWN = 0.5  # micrometres a pixel that PAINTERS draw at
SHAPE = (900, 1400)
QUALITY = 95


def make_scales(out: Path, seed: int, jobs: int) -> dict[str, Any]:
    """Write `out`/ID.jpg and `out`/scales.csv (file, source, um_per_pixel); images of one laboratory share a source."""
    rows = [(f"real_{name}.jpg", f"real_{source}", scale) for name, (source, scale) in REAL.items()]
    for name in REAL:
        write_bytes(out / f"real_{name}.jpg", jpeg(Image.fromarray(photograph(name)), QUALITY))
    rows += Parallel(n_jobs=jobs)(delayed(_draw)(out, name, seed) for name in PAINTERS)
    table = pd.DataFrame(rows, columns=["file", "source", "um_per_pixel"])
    write_bytes(out / "scales.csv", table.to_csv(index=False).encode())
    return {"items": len(table)}


def _draw(out: Path, tissue: str, seed: int) -> tuple[str, str, float]:
    file = f"drawn_{tissue}.jpg"
    slide = paint(tissue, *SHAPE, np.random.default_rng([seed, 78, *tissue.encode()]))
    write_bytes(out / file, jpeg(Image.fromarray(slide), QUALITY))
    return file, f"drawn_{tissue}", DRAWN
