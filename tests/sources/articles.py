"""Articles as PubMed Central packs them."""

import io
import tarfile
import zipfile

import numpy as np
from PIL import Image

from stages.common.data.files import jpeg

XLINK = 'xmlns:xlink="http://www.w3.org/1999/xlink"'


def tile(seed, side=160):
    return np.random.default_rng(seed).integers(0, 200, (side, side, 3), dtype=np.uint8)


def plate(*rows, gap=20):
    """Tiles laid out in rows with white gutters."""
    lines = []
    for row in rows:
        cells = [part for one in row for part in (one, np.full((one.shape[0], gap, 3), 255, np.uint8))][:-1]
        lines += [np.hstack(cells), np.full((gap, sum(c.shape[1] for c in cells), 3), 255, np.uint8)]
    return np.vstack(lines[:-1])


def encoded(array, kind="JPEG"):
    if kind == "JPEG":
        return jpeg(Image.fromarray(array))
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind)
    return buffer.getvalue()


def article(*figures, pmcid="1234567", license="https://creativecommons.org/licenses/by/4.0/", before=""):
    """JATS XML with (id, caption XML, graphic) figures."""
    all_params = "".join(
        f'<fig id="{name}"><label>Figure {n}</label><caption>{caption}</caption><graphic xlink:href="{graphic}"/></fig>'
        for n, (name, caption, graphic) in enumerate(figures, start=1)
    )
    return (
        f'<?xml version="1.0"?>{before}<article {XLINK}><front><article-meta><article-id pub-id-type="pmc">{pmcid}'
        f'</article-id><permissions><license xlink:href="{license}"/></permissions></article-meta></front><body>'
        f"{all_params}</body></article>"
    ).encode()


def tar_of(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def zip_of(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
