"""Figures of a JATS article: label, caption and graphics."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree

LINK = "{http://www.w3.org/1999/xlink}href"
SKIPPED = ("tex-math", "annotation", "annotation-xml", "object-id", "permissions", "label", "graphic", "alternatives")


@dataclass(frozen=True)
class Figure:
    """One `fig` element: its id, printed label, caption (title and paragraphs), and the files it refers to."""

    id: str
    label: str
    caption: str
    graphics: list[str]


@dataclass(frozen=True)
class Article:
    """The metadata of a JATS file, and its figures in document order; `license` is an address or a phrase."""

    pmcid: str
    license: str
    figures: list[Figure]


def read_article(xml: bytes) -> Article:
    """Parse JATS XML. External entities are never read and internal ones never expanded.

    Raises lxml.etree.XMLSyntaxError for what is not XML.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    root = etree.fromstring(xml, parser)
    number = "".join(root.xpath("//article-meta/article-id[starts-with(@pub-id-type, 'pmc')]/text()")[:1]).strip()
    pmcid = f"PMC{re.sub(r'[^0-9].*', '', number.upper().removeprefix('PMC'))}" if number else ""
    return Article(pmcid, _license(root), list(_figures(root)))


def _license(root: Any) -> str:
    """The address of the license, else its type, else the first words of its text."""
    links = root.xpath("//permissions/license/@xlink:href", namespaces={"xlink": "http://www.w3.org/1999/xlink"})
    links += root.xpath("//permissions//*[local-name()='license_ref']/text()")
    links += root.xpath("//permissions/license//ext-link/@*[local-name()='href']")
    types = root.xpath("//permissions/license/@license-type")
    for found in (*links, *types):
        if str(found).strip():
            return str(found).strip()
    return " ".join(" ".join(root.xpath("//permissions/license//text()")).split())[:80]


def _figures(root: Any) -> Iterator[Figure]:
    for number, fig in enumerate(root.iter("fig"), start=1):
        inner = fig.xpath(".//graphic[not(ancestor::fig[ancestor::fig])]")
        files = [graphic.get(LINK, "") for graphic in inner if graphic.xpath("not(ancestor::caption)")]
        label = " ".join(" ".join(fig.xpath("./label//text()")).split())
        parts = [part for caption in fig.findall("caption") for part in _text(caption)]
        caption = re.sub(r"\s+", " ", "".join(parts)).strip()
        yield Figure(fig.get("id") or f"F{number}", label, caption, [file for file in files if file])


def _text(element: Any) -> Iterator[str]:
    """The words below `element`, a space after each title and paragraph, formulas in TeX left out."""
    if element.tag in SKIPPED or not isinstance(element.tag, str):
        return
    yield element.text or ""
    for child in element:
        yield from _text(child)
        yield child.tail or ""
    if element.tag in ("title", "p"):
        yield " "
