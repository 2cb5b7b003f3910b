"""PubMed Central: figures and captions of open-access articles, split into panels."""

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from lxml import etree
from PIL import Image

from stages.common.data.files import jpeg
from stages.common.data.pictures import decode
from stages.common.errors import Rejected, StageError
from stages.common.regions.panels import figure_panels
from stages.sources.candidate import Candidate
from stages.sources.params import Params
from stages.sources.pubmed.figures import Article, Figure, read_articles
from stages.sources.pubmed.packages import (
    ARTICLE,
    UNREAD,
    Package,
    PackageError,
    beside,
    has_article,
    is_archive,
    of_finder,
    open_inner,
    open_package,
)
from stages.sources.pubmed.panels import split_caption

DEEPEST = 2  # archives in archives


def candidates(params: Params) -> Iterator[Candidate]:
    """Yield one candidate per figure panel of every article in the folder: in folders, .tar.gz, .tar or .zip of one
    article or many, or as .nxml files with their images beside them."""
    folder = Path(params.pubmed.folder)
    found = _entries(folder) if folder.is_dir() else []
    bare = any(path.is_file() and path.suffix.lower() in ARTICLE for path in found)
    packages = [path for path in found if is_archive(path) or (path.is_dir() and not (bare and not has_article(path)))]
    if not packages and not bare:
        raise StageError(
            f"sources.pubmed.folder: no articles in {folder}: put folders, .tar.gz, .zip or .nxml files there"
        )
    for path in packages:
        try:
            with open_package(path) as package:
                yield from _articles(package, path.name, params.pubmed.licenses)
        except PackageError as error:
            yield _broken(path.name, path.name, error)
    for path in found:
        if path.suffix.lower() in UNREAD and not is_archive(path) and path.is_file():
            yield _broken(path.name, path.name, PackageError("of a kind that is not read: unpack it"))
        elif not path.exists() and not is_archive(path):
            yield _broken(path.name, path.name, PackageError("a link that leads nowhere"))
    if bare:
        yield from _articles(beside(folder), folder.name, params.pubmed.licenses)


def _entries(folder: Path) -> list[Path]:
    """What is in `folder`, by name, without links to the folder itself, or one around it, and second links."""
    once: dict[Path, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_symlink(), path)):
        real = Path(os.path.realpath(path))
        if not of_finder(PurePosixPath(path.name)) and not Path(os.path.realpath(folder)).is_relative_to(real):
            once.setdefault(real, path)
    return sorted(once.values())


def _articles(package: Package, place: str, licenses: list[str], deep: int = 0) -> Iterator[Candidate]:
    """The figures of each article in the package, or in the archives of a package that has no article itself; what is
    no article is passed over where there is one."""
    nothing = True
    for path in package.archives if not package.articles and deep < DEEPEST else ():
        nothing = False
        try:
            with open_inner(package, path) as inner:
                yield from _articles(inner, path.name, licenses, deep + 1)
        except PackageError as error:
            yield _broken(path.name, f"{place} {path}", error)
    for path in package.articles:
        name = path.name if len(package.articles) > 1 else place
        try:
            articles = read_articles(package.read(path))
        except (PackageError, etree.XMLSyntaxError) as error:
            nothing = False
            yield _broken(name, f"{place} {path}", error)
            continue
        for article in articles:
            nothing = False
            yield from _article(package, path, article, article.pmcid or _plain(name), licenses)
    if nothing:
        what = "no JATS article" if package.articles else "no .nxml or .xml file"
        yield _broken(place, place, PackageError(f"{what} in it"))


def _broken(name: str, place: str, error: Exception) -> Candidate:
    return Candidate(_plain(name), _plain(name), b"", "", place, drop="broken_package", detail=str(error))


def _plain(name: str) -> str:
    """The name of a file as a key: without endings and signs."""
    return re.sub(r"\W", "", name.split(".")[0])


def _article(
    package: Package, path: PurePosixPath, article: Article, pmcid: str, licenses: list[str]
) -> Iterator[Candidate]:
    drop = "" if not licenses or any(part in article.license for part in licenses) else "license"
    if not article.figures:
        yield Candidate(pmcid, pmcid, b"", "", pmcid, article.license, "no_figure")
    for number, figure in enumerate(article.figures):
        label = re.sub(r"\W", "", figure.id) or str(number)
        if not figure.graphics:
            place = f"{pmcid} {label}"
            yield Candidate(f"{pmcid}_{label}", pmcid, b"", figure.caption, place, article.license, "no_graphic")
        for count, references in enumerate(figure.graphics):
            key = label if count == 0 else f"{label}g{count + 1}"
            image, missing, why = _graphic(package, path, references)
            for panel, part, text in _panels(figure, image):
                place = " ".join(one for one in (pmcid, key, panel) if one)
                yield Candidate(
                    f"{pmcid}_{key}{panel}", pmcid, part, text, place, article.license, drop or missing, why
                )


def _graphic(package: Package, article: PurePosixPath, references: list[str]) -> tuple[bytes, str, str]:
    """The image that one of `references` names, the reason why there is none, and what there is to add."""
    try:
        data = package.graphic(article, references)
    except PackageError as error:
        return b"", "broken_graphic", f"{references[0]}: {error}"
    return data, "" if data else "missing_graphic", references[0]


def _panels(figure: Figure, data: bytes) -> Iterator[tuple[str, bytes, str]]:
    """(letter, image, text) of each panel; the whole figure where panels do not match the caption."""
    texts = split_caption(figure.caption) if data else []
    try:
        image = decode(data) if texts else None
        panels = [] if image is None else [image[panel.slices] for panel in figure_panels(image)]
    except Rejected:
        panels = []
    if len(panels) < 2 or len(panels) != len(texts):
        yield "", data, figure.caption
        return
    for (letter, text), panel in zip(texts, panels, strict=True):
        yield letter, jpeg(Image.fromarray(panel)), text
