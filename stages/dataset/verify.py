"""Looking at pairs of images that may show the same place."""

import functools
from collections.abc import Sequence

from joblib import Parallel, delayed

from stages.common.data.pictures import decode
from stages.common.data.references import ImageReader
from stages.dataset.crops import LocalFeatures, same_place
from stages.dataset.duplicates import Verify

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
    def features(reference: str, mirrored: bool = False) -> LocalFeatures:
        return LocalFeatures.of(decode(reader.read(reference)), mirrored)

    return [
        same_place(features(other), features(one)) or same_place(features(other), features(one, mirrored=True))
        for one, other in part
    ]
