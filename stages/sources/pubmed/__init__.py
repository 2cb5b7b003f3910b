"""PubMed Central: figures and captions of open-access articles, split into panels."""

import re
from collections.abc import Iterator
from pathlib import Path

from lxml import etree
from PIL import Image

from stages.common.data.files import jpeg
from stages.common.data.pictures import decode
from stages.common.errors import Rejected, StageError
from stages.common.regions.panels import figure_panels
from stages.sources.candidate import Candidate
from stages.sources.params import Params
from stages.sources.pubmed.figures import Figure, read_article
from stages.sources.pubmed.packages import Package, PackageError, open_package
from stages.sources.pubmed.panels import split_caption

PACKAGES = (".tar.gz", ".tgz", ".zip")


def candidates(params: Params) -> Iterator[Candidate]:
    """Yield one candidate per figure panel of every article in the folder: one folder, .tar.gz or .zip per article."""
    folder = Path(params.pubmed.folder)
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    packages = [path for path in found if path.is_dir() or path.name.endswith(PACKAGES)]
    if not packages:
        raise StageError(f"sources.pubmed.folder: no articles in {folder}: put folders, .tar.gz or .zip there")
    for package in packages:
        name = re.sub(r"\W", "", package.name.split(".")[0])
        try:
            with open_package(package) as opened:
                yield from _article(opened, name, params.pubmed.licenses)
        except (PackageError, etree.XMLSyntaxError) as error:
            yield Candidate(name, name, b"", "", package.name, drop="broken_package", detail=str(error))


def _article(package: Package, name: str, licenses: list[str]) -> Iterator[Candidate]:
    article = read_article(package.article())
    pmcid = article.pmcid or name
    drop = "" if not licenses or any(part in article.license for part in licenses) else "license"
    for number, figure in enumerate(article.figures):
        label = re.sub(r"\W", "", figure.id) or str(number)
        if not figure.graphics:
            place = f"{pmcid} {label}"
            yield Candidate(f"{pmcid}_{label}", pmcid, b"", figure.caption, place, article.license, "no_graphic")
        for count, reference in enumerate(figure.graphics):
            key = label if count == 0 else f"{label}g{count + 1}"
            for panel, image, text, dropped in _panels(figure, package.graphic(reference)):
                place = " ".join(part for part in (pmcid, key, panel) if part)
                yield Candidate(
                    f"{pmcid}_{key}{panel}", pmcid, image, text, place, article.license, drop or dropped, reference
                )


def _panels(figure: Figure, data: bytes) -> Iterator[tuple[str, bytes, str, str]]:
    """(letter, image, text, reason to drop) of each panel; the whole figure where panels do not match the caption."""
    if not data:
        yield "", b"", figure.caption, "missing_graphic"
        return
    texts = split_caption(figure.caption)
    try:
        image = decode(data) if texts else None
        panels = [] if image is None else [image[panel.slices] for panel in figure_panels(image)]
    except Rejected:
        panels = []
    if len(panels) < 2 or len(panels) != len(texts):
        yield "", data, figure.caption, ""
        return
    for (letter, text), panel in zip(texts, panels, strict=True):
        yield letter, jpeg(Image.fromarray(panel)), text, ""
