"""Drawn tissue of named classes: what each looks like, in strokes of stain. A drawing, not histology."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.demo.stain import Slide
from stages.demo.strokes import glands, ground, spindles, voronoi


def paint(tissue: str, height: int, width: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return an RGB image (height, width, 3), 0.5 micrometres a pixel, of the class `tissue`, a key of PAINTERS."""
    slide = Slide(height, width, rng)
    PAINTERS[tissue](slide)
    return slide.rgb()


def adipose(slide: Slide, size: float = 66) -> None:
    """Empty polygonal cells in thin walls."""
    seeds = slide.scatter(size, jitter=0.25)
    cells = voronoi(slide, seeds)
    slide.eosin += 0.5
    slide.clear(cells > 2.2, rest=0.02)
    slide.nuclei(slide.scatter(size * 1.5, (cells > 0) & (cells < 3)), 4.5, elongation=2.5, density=1.0)


def lung(slide: Slide) -> None:
    """Air spaces, larger than fat cells, in cellular septa."""
    air = voronoi(slide, slide.scatter(170, jitter=0.35))
    slide.eosin += 0.45 * (1 + 0.2 * slide.noise(3))
    slide.nuclei(slide.scatter(17, air < 9), 5.5, elongation=1.6, density=0.9)
    slide.clear(air + 2.5 * slide.noise(9) > 10, rest=0.02)


def lymphocytes(slide: Slide) -> None:
    """Sheets of small round dark nuclei."""
    ground(slide, 0.25)
    slide.haematoxylin += 0.08
    slide.nuclei(slide.scatter(14.5), 5.6, density=1.35, spread=0.08)


def mucin(slide: Slide) -> None:
    """Pale wisps with a few floating cells."""
    turn = slide.rng.uniform(0, np.pi)
    slide.haematoxylin += np.maximum(0, 0.16 + 0.07 * slide.noise(5, 12, turn))
    slide.eosin += np.maximum(0, 0.05 + 0.03 * slide.noise(6, 12, turn))
    for part, center in slide.patches(260, 50):
        part.nuclei(part.scatter(13, part.blob(center, 26, 0.15)), 6, density=1.0)


def smooth_muscle(slide: Slide) -> None:
    """Pink parallel bundles with cigar-shaped nuclei."""
    turn = float(slide.rng.uniform(0, np.pi))
    slide.eosin += np.maximum(0.1, 0.75 * (1 + 0.28 * slide.noise(4, 22, turn)))
    spindles(slide, 34, turn)


def stroma(slide: Slide) -> None:
    """Loose, wavy collagen with spindle cells and gaps."""
    turn = float(slide.rng.uniform(0, np.pi))
    slide.eosin += np.maximum(0.03, 0.42 * (1 + 0.5 * slide.noise(7, 5, turn) + 0.3 * slide.noise(3, 8, turn + 0.5)))
    slide.clear(slide.noise(9, 5, turn) > 1.35, rest=0.2)
    spindles(slide, 42, turn)
    slide.nuclei(slide.scatter(120), 5, density=1.2)


def necrosis(slide: Slide) -> None:
    """Granular pink debris and nuclear dust."""
    slide.eosin += np.maximum(0.1, 0.55 * (1 + 0.3 * slide.noise(2) + 0.3 * slide.noise(14)))
    slide.nuclei(slide.scatter(13), 1.8, density=0.9, spread=0.5)
    slide.nuclei(slide.scatter(60), 4, density=0.5, spread=0.4)


def colon_mucosa(slide: Slide) -> None:
    """Round crypts in even rows, goblet cells around their lumens."""
    ground(slide, 0.3)
    slide.nuclei(slide.scatter(26), 4.5, density=0.9)
    glands(slide, 128, 52, 0.05, lumen=0.3, lobes=0.02, nucleus=5, goblets=True)


def colorectal_cancer(slide: Slide) -> None:
    """Crowded irregular glands, stratified pencil nuclei, dirty lumina."""
    ground(slide, 0.35)
    spindles(slide, 40, float(slide.rng.uniform(0, np.pi)))
    glands(slide, 165, 84, 0.18, lumen=0.42, lobes=0.10, nucleus=7.5, rows=3, density=1.2, squeeze=0.75)
    slide.nuclei(slide.scatter(70), 2.2, density=0.8, spread=0.5)


def lung_adenocarcinoma(slide: Slide) -> None:
    """Angulated acini with mucin in a fibrous, inflamed stroma."""
    ground(slide, 0.5, 9)
    slide.nuclei(slide.scatter(30), 4.8, density=1.1)
    glands(slide, 150, 48, 0.25, lumen=0.5, lobes=0.14, nucleus=7.5, rows=1, squeeze=0.7)


def benign_prostate(slide: Slide) -> None:
    """Large glands with papillary infoldings and wide lumina in muscular stroma."""
    turn = float(slide.rng.uniform(0, np.pi))
    ground(slide, 0.55, 12, turn)
    spindles(slide, 40, turn)
    glands(slide, 310, 118, 0.12, lumen=0.74, lobes=0.12, nucleus=5.5, rows=2)


def atrophic_glands(slide: Slide) -> None:
    """Small round glands, one row of nuclei, packed."""
    ground(slide, 0.5, 9)
    glands(slide, 68, 24, 0.10, lumen=0.38, lobes=0.03, nucleus=5.5)


def cribriform(slide: Slide) -> None:
    """Sheets of cells with punched-out round holes."""
    ground(slide, 0.5, 9)
    for part, center in slide.patches(390, 230, jitter=0.15):
        sheet = part.blob(center, 175, 0.05)
        part.eosin[sheet] = 0.3
        part.haematoxylin[sheet] = 0.16
        part.nuclei(part.scatter(15.5, sheet), 6.3, density=1.0)
        for hole, middle in part.patches(72, 30, sheet, jitter=0.2):
            hole.clear(hole.blob(middle, 19, 0.03), rest=0.03)


def isolated_cells(slide: Slide) -> None:
    """Single cells and cords that make no lumen, in dense stroma."""
    turn = float(slide.rng.uniform(0, np.pi))
    ground(slide, 0.6, 9, turn)
    where = slide.noise(22, 3, turn) > 0.3
    slide.nuclei(slide.scatter(23, where), 7.5, density=1.25, spread=0.25)
    for part, center in slide.patches(40, 10, where):
        part.clear(part.blob(center, 7), rest=0.4)


def epidermis(slide: Slide) -> None:
    """Stratified squamous epithelium in bands under flaking keratin."""
    height, width = slide.shape
    wave = 18 * slide.noise(60)
    depth = (np.mgrid[0:height, 0:width][0] + wave) % 460
    keratin, cells = depth < 90, (depth >= 90) & (depth < 330)
    slide.eosin += np.where(keratin, 0.85 + 0.3 * np.sin(depth / 4.2), np.where(cells, 0.5, 0.35))
    slide.clear(keratin & (np.sin(depth / 7 + slide.noise(30)) > 0.75), rest=0.1)
    slide.eosin += np.where(depth >= 330, 0.12 * slide.noise(3, 8), 0)
    slide.nuclei(slide.scatter(30, cells & (depth < 240)), 6.5, density=0.85)
    slide.nuclei(slide.scatter(16, cells & (depth >= 240)), 6.5, elongation=1.5, density=1.15)
    slide.nuclei(slide.scatter(60, depth >= 330), 4.5, elongation=3)


def squamous_carcinoma(slide: Slide) -> None:
    """Nests of squamous cells with whorled keratin pearls."""
    ground(slide, 0.3, 6)
    slide.nuclei(slide.scatter(32), 4.5, density=1.1)
    for part, center in slide.patches(270, 180, jitter=0.2):
        nest = part.blob(center, 122, 0.08)
        part.eosin[nest] = 0.6
        part.nuclei(part.scatter(23, nest), 8, density=0.95, spread=0.25)
        pearl = part.blob(center, 52, 0.05)
        ys, xs = np.nonzero(pearl)
        rings = np.hypot(xs - center[0], ys - center[1]) + 3 * part.noise(12)[pearl]
        part.haematoxylin[pearl] = 0.03
        part.eosin[pearl] = 1.0 + 0.4 * np.sin(rings / 2.4)


def basal_cell_carcinoma(slide: Slide) -> None:
    """Blue islands with palisading edges and clefts."""
    ground(slide, 0.35, 6)
    spindles(slide, 46, float(slide.rng.uniform(0, np.pi)))
    for part, center in slide.patches(250, 160, jitter=0.2):
        radius = float(slide.rng.uniform(70, 112))
        part.clear(part.blob(center, radius + 9, 0.04), rest=0.08)
        island = part.blob(center, radius, 0.04)
        part.eosin[island] = 0.12
        part.haematoxylin[island] = 0.4
        part.nuclei(part.scatter(12.5, island), 5.6, elongation=1.4, density=1.25)


def naevus(slide: Slide) -> None:
    """Nests of bland cells, some with brown pigment."""
    ground(slide, 0.4, 8)
    for part, center in slide.patches(105, 60, jitter=0.25):
        nest = part.blob(center, 40, 0.08)
        part.eosin[nest] = 0.25
        part.nuclei(part.scatter(17, nest), 6, density=0.85, spread=0.08)
        spots = np.zeros(part.shape, np.float32)
        for x, y in part.scatter(15, nest):
            cv2.circle(spots, (round(float(x)), round(float(y))), 4, float(slide.rng.uniform(0, 1.3)), -1)
        np.maximum(part.pigment, cv2.GaussianBlur(spots, (0, 0), 2), out=part.pigment)


def sebaceous(slide: Slide) -> None:
    """Lobules of foamy cells with a small central nucleus."""
    ground(slide, 0.5, 8)
    for part, center in slide.patches(250, 160, jitter=0.15):
        lobule = part.blob(center, 112, 0.05)
        part.eosin[lobule] = 0.28
        part.clear(lobule & (part.noise(2.6) > 0.1), rest=0.3)
        part.nuclei(part.scatter(40, lobule, jitter=0.2), 5.2, density=1.1)
        rim = lobule & (cv2.distanceTransform(lobule.astype(np.uint8), cv2.DIST_L2, 3) < 10)
        part.nuclei(part.scatter(13, rim), 5, elongation=1.8, density=1.1)


def cartilage(slide: Slide) -> None:
    """Glassy basophilic matrix with lacunae."""
    slide.haematoxylin += 0.3 + 0.03 * slide.noise(40)
    slide.eosin += 0.12
    for part, center in slide.patches(58, 24, jitter=0.35):
        part.clear(part.blob(center, float(slide.rng.uniform(9, 14)), 0.06, 0.8), rest=0.1)
        part.nuclei(np.array([center], np.float32), 5, density=1.2)


def skeletal_muscle(slide: Slide) -> None:
    """Polygonal fibres cut across, nuclei pushed to the rim."""
    fibres = voronoi(slide, slide.scatter(82, jitter=0.2))
    slide.eosin += np.where(fibres > 2.5, 0.95 * (1 + 0.06 * slide.noise(2)), 0.08)
    slide.nuclei(slide.scatter(36, (fibres > 2) & (fibres < 6)), 4.5, elongation=2.2, density=1.1)


def breast_comedo(slide: Slide) -> None:
    """Ducts filled by solid tumour around necrosis."""
    ground(slide, 0.55, 10)
    spindles(slide, 48, float(slide.rng.uniform(0, np.pi)))
    for part, center in slide.patches(350, 200, jitter=0.12):
        duct = part.blob(center, 142, 0.04)
        part.eosin[duct] = 0.35
        part.nuclei(part.scatter(20, duct), 8.5, density=1.1, spread=0.25)
        core = part.blob(center, 66, 0.1)
        part.haematoxylin[core] = 0.05
        part.eosin[core] = 0.85 * (1 + 0.25 * part.noise(2)[core])
        part.nuclei(part.scatter(12, core), 1.7, density=0.9, spread=0.5)


PAINTERS: dict[str, Callable[[Slide], None]] = {
    painter.__name__: painter
    for painter in (
        adipose,
        lymphocytes,
        mucin,
        smooth_muscle,
        stroma,
        necrosis,
        colon_mucosa,
        colorectal_cancer,
        lung,
        lung_adenocarcinoma,
        squamous_carcinoma,
        benign_prostate,
        atrophic_glands,
        cribriform,
        isolated_cells,
        epidermis,
        basal_cell_carcinoma,
        naevus,
        sebaceous,
        cartilage,
        skeletal_muscle,
        breast_comedo,
    )
}
