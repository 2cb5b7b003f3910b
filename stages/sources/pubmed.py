"""PubMed Central: figures and captions out of open-access packages, panels told apart."""

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from lxml import etree
from numpy.typing import NDArray
from PIL import Image

from stages.common.errors import StageError
from stages.common.files import jpeg, read_tar
from stages.sources.candidate import Candidate
from stages.sources.params import Pubmed

LINK = "{http://www.w3.org/1999/xlink}href"
LABEL = re.compile(r"\(([A-Z])\)\s*")
WHITE, FLAT, GUTTER = 245, 4.0, 10  # a gutter: at least so many columns that are bright and all of one level


def candidates(block: Pubmed) -> Iterator[Candidate]:
    """Yield one candidate per figure panel of every *.tar.gz package in `block.folder`."""
    folder = Path(block.folder)
    packages = sorted(folder.glob("*.tar.gz"))
    if not packages:
        raise StageError(f"sources.pubmed.folder: no *.tar.gz in {folder}: put open-access packages there")
    for package in packages:
        try:
            yield from _package(package, block)
        except (tarfile.TarError, etree.XMLSyntaxError, EOFError, OSError) as error:
            name = package.name.split(".")[0]
            yield Candidate(name, name, b"", "", package.name, drop=f"broken_package_{type(error).__name__}")


def _package(package: Path, block: Pubmed) -> Iterator[Candidate]:
    files = read_tar(package)
    articles = [data for name, data in files.items() if name.endswith(".nxml")]
    if not articles:
        raise tarfile.TarError("no .nxml file")
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    article = etree.fromstring(articles[0], parser)
    pmcid = "".join(article.xpath("//article-id[@pub-id-type='pmc' or @pub-id-type='pmcid']/text()")[:1])
    pmcid = pmcid if pmcid.startswith("PMC") else f"PMC{pmcid}" if pmcid else package.name.split(".")[0]
    licence = "".join(article.xpath("//license//@*[local-name()='href']")[:1])
    drop = "" if not block.licences or any(part in licence for part in block.licences) else "licence"
    for figure in article.iter("fig"):
        yield from _figure(figure, files, pmcid, licence, drop)


def _figure(figure: Any, files: dict[str, bytes], pmcid: str, licence: str, drop: str) -> Iterator[Candidate]:
    label = re.sub(r"\W", "", figure.get("id") or "F")
    caption = re.sub(r"\s+", " ", " ".join(figure.xpath("./caption//text()"))).strip()
    graphic = figure.find(".//graphic")
    stem = graphic.get(LINK, "") if graphic is not None else ""
    data = next(
        (
            files[name]
            for name in sorted(files)
            if stem and Path(name).stem == Path(stem).stem and not name.endswith("xml")
        ),
        b"",
    )
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB) if data else None
    panels = split_panels(pixels) if pixels is not None else []
    texts = split_caption(caption)
    if len(panels) < 2 or len(panels) != len(texts):
        yield Candidate(f"{pmcid}_{label}", pmcid, data, caption, f"{pmcid} {label}", licence, drop)
        return
    for (letter, text), panel in zip(texts, panels, strict=True):
        key = f"{pmcid}_{label}{letter}"
        yield Candidate(key, pmcid, jpeg(Image.fromarray(panel)), text, f"{pmcid} {label} {letter}", licence, drop)


def split_caption(caption: str) -> list[tuple[str, str]]:
    """Return (letter, text) for each part that "(A) ... (B) ..." marks; what stands before (A) goes with every part."""
    pieces = LABEL.split(caption)
    lead = pieces[0].strip()
    return [(letter, f"{lead} {text.strip()}".strip()) for letter, text in zip(pieces[1::2], pieces[2::2], strict=True)]


def split_panels(image: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return the panels of an RGB figure in reading order: parts between full-width or full-height white gutters."""
    return [part for row in _bands(image, 1) for part in _bands(row, 0)]


def _bands(image: NDArray[np.uint8], axis: int) -> list[NDArray[np.uint8]]:
    """Cut `image` into rows (axis 1) or columns (axis 0) at its gutters; slivers are not panels."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    filled = ~((grey.mean(axis) > WHITE) & (grey.std(axis) < FLAT))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], filled.astype(int), [0]])))
    spans = [[int(a), int(b)] for a, b in zip(edges[::2], edges[1::2], strict=True)]
    joined: list[list[int]] = []
    for span in spans:
        if joined and span[0] - joined[-1][1] < GUTTER:
            joined[-1][1] = span[1]
        else:
            joined.append(span)
    large = [span for span in joined if span[1] - span[0] >= 0.15 * len(filled)]
    return [image[a:b] if axis == 1 else image[:, a:b] for a, b in large]
