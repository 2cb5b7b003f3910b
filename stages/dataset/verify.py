"""Looking at pairs of images that may show the same place."""

import functools
from collections.abc import Sequence
from pathlib import Path

from joblib import Parallel, delayed

from stages.common.files import ImageReader
from stages.common.pictures import decode
from stages.dataset.links import Verify
from stages.dataset.views import View, same_view

CHUNK = 256  # pairs a worker looks at in one go


def verifier(jobs: int) -> Verify:
    """A function that reads both images of each pair of references (members of tars, or files) and compares them."""

    def verify(asked: Sequence[tuple[str, str]]) -> list[bool]:
        from tqdm import tqdm

        parts = [asked[begin : begin + CHUNK] for begin in range(0, len(asked), CHUNK)]
        done = Parallel(n_jobs=jobs, return_as="generator")(delayed(_compare)(part) for part in parts)
        return [same for part in tqdm(done, total=len(parts), desc="views", unit=f"x{CHUNK}") for same in part]

    return verify


def _compare(part: Sequence[tuple[str, str]]) -> list[bool]:
    import cv2

    cv2.setNumThreads(1)
    cv2.setRNGSeed(0)
    reader = ImageReader()

    @functools.lru_cache(CHUNK)
    def view(reference: str, mirrored: bool = False) -> View:
        data = reader.read(reference) if "#" in reference else Path(reference).read_bytes()
        return View.of(decode(data), mirrored)

    return [
        same_view(view(other), view(one)) or same_view(view(other), view(one, mirrored=True)) for one, other in part
    ]
