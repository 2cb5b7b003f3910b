"""Figures of JATS articles: label, caption and graphics."""

import html
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree

from stages.sources.pubmed.packages import without_ending

SKIPPED = ("annotation", "annotation-xml", "object-id", "permissions", "label", "graphic", "inline-graphic", "fig")
SPACED = ("title", "p", "break", "list-item", "def-item", "disp-formula", "disp-quote")  # a space follows their texts
LISTS = ("list", "def-list")  # a space goes before them
POWER = re.compile(r"\s*[-+\u2010-\u2015\u2212]?\d+\s*")
FORMULAS = ("math", "textual-form", "tex-math")  # of the alternatives of one formula the first of these is read
TEX_SIGNS = {
    "geq": "≥",
    "ge": "≥",
    "leq": "≤",
    "le": "≤",
    "pm": "±",
    "times": "×",
    "mu": "μ",
    "approx": "≈",
    "sim": "~",
}
NAMED = re.compile(rb"&([A-Za-z][A-Za-z0-9]*);")
XML_NAMES = ("amp", "lt", "gt", "quot", "apos")


@dataclass(frozen=True)
class Figure:
    """A figure: its id, printed label, caption (title and paragraphs), and for each of its pictures the names of files
    that show it, one in several forms perhaps."""

    id: str
    label: str
    caption: str
    graphics: list[list[str]]


@dataclass(frozen=True)
class Article:
    """The metadata of an article, and its figures in document order; `license` is an address or a phrase."""

    pmcid: str
    license: str
    figures: list[Figure]


def read_articles(xml: bytes) -> list[Article]:
    """The JATS articles in `xml`: mostly one, several in a set, none in XML of another kind.

    External entities are never read; internal ones never expanded, but for those that stand for plain text. Raises
    lxml.etree.XMLSyntaxError for what is not XML.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    root = etree.fromstring(_with_characters(xml), parser)
    for element in root.iter(etree.Element):  # its namespace depends on the archive that it comes from
        element.tag = etree.QName(element).localname
    return [_article(one) for one in root.iter("article") if next(one.iterancestors("article"), None) is None]


def _article(root: Any) -> Article:
    ids = root.xpath(".//article-meta/article-id[@pub-id-type='pmc' or @pub-id-type='pmcid']/text()")
    number = "".join(ids[:1]).strip()
    pmcid = f"PMC{re.sub(r'[^0-9].*', '', number.upper().removeprefix('PMC'))}" if number else ""
    return Article(pmcid, _license(root), list(_figures(root)))


def _with_characters(xml: bytes) -> bytes:
    """`xml` with the characters that names of the DTD stand for ("&micro;"), since no DTD is read."""
    own = set(re.findall(rb"<!ENTITY\s+([^\s%]+)", xml))

    def character(match: re.Match[bytes]) -> bytes:
        name = match[1].decode()
        known = html.unescape(match[0].decode())
        if match[1] in own or name in XML_NAMES or known.startswith("&"):
            return match[0]
        return "".join(f"&#{ord(letter)};" for letter in known).encode()

    return NAMED.sub(character, xml)


def _license(root: Any) -> str:
    """The address of the license, else its type, else the first words of its text."""
    links = root.xpath(".//permissions/license/@*[local-name()='href']")
    links += root.xpath(".//permissions//license_ref/text()")
    links += root.xpath(".//permissions/license//ext-link/@*[local-name()='href']")
    types = root.xpath(".//permissions/license/@license-type")
    for found in (*links, *types):
        if str(found).strip():
            return str(found).strip()
    return " ".join(" ".join(root.xpath(".//permissions/license//text()")).split())[:80]


def _figures(root: Any) -> Iterator[Figure]:
    """The figures of an article, those inside others too."""
    for number, fig in enumerate(root.iter("fig", "fig-group"), start=1):
        graphics = _graphics(fig)
        if not graphics and (fig.tag == "fig-group" or fig.find(".//fig") is not None):
            continue  # only holds others
        label = " ".join(" ".join(fig.xpath("./label//text()")).split())
        around = [one for one in fig.iterancestors("fig", "fig-group") if not _graphics(one)]
        caption = " ".join(filter(None, map(_caption, (*reversed(around), fig))))
        yield Figure(fig.get("id") or f"F{number}", label, caption, graphics)


def _caption(fig: Any) -> str:
    parts = [part for caption in fig.findall("caption") for part in _text(caption)]
    return re.sub(r"\s+", " ", "".join(parts)).strip()


def _graphics(fig: Any) -> list[list[str]]:
    """The files of each picture of `fig` itself, not of the figures in it, nor of its caption; thumbnails last."""
    pictures: defaultdict[Any, list[tuple[bool, str]]] = defaultdict(list)
    for graphic in fig.iter("graphic"):
        if next(graphic.iterancestors("fig", "fig-group", "caption")) is not fig:
            continue
        href = str(next(iter(graphic.xpath("./@*[local-name()='href']")), "")).strip()
        if href:
            parent = graphic.getparent()
            picture = parent if parent.tag == "alternatives" else without_ending(href)
            pictures[picture].append(("thumb" in " ".join(graphic.attrib.values()).lower(), href))
    return [[href for _, href in sorted(files, key=lambda file: file[0])] for files in pictures.values()]


def _text(element: Any) -> Iterator[str]:
    """The words below `element`, a space where a new line begins."""
    if element.tag is etree.Entity:
        yield _entity(element)
    if element.tag in SKIPPED or not isinstance(element.tag, str):
        return
    if element.tag == "alternatives":
        forms = [form for name in FORMULAS for form in element.findall(name)]
        yield from _text(forms[0]) if forms else ()
        return
    if element.tag == "tex-math":
        yield _tex("".join(element.itertext()))
        return
    if element.tag in LISTS:
        yield " "
    before = element.text or ""
    yield before
    for child in element:
        if child.tag == "sup" and before[-1:].isdigit() and POWER.fullmatch("".join(child.itertext())):
            yield "^"  # 10^6 is not 106
        yield from _text(child)
        before = child.tail or ""
        yield before
    if element.tag in SPACED:
        yield " "


def _entity(entity: Any) -> str:
    """The text that an entity of the article's own stands for; "" where it is more than that."""
    dtd = entity.getroottree().docinfo.internalDTD
    texts = {one.name: one.content or "" for one in dtd.iterentities()} if dtd is not None else {}
    text = html.unescape(texts.get(entity.name, ""))
    return "" if re.search("[&<]", text) else text


def _tex(formula: str) -> str:
    """What can be read of a formula in TeX: its letters, numbers and usual signs."""
    body = re.sub(r"^.*\\begin\{document\}|\\end\{document\}.*$", "", formula, flags=re.DOTALL)
    signed = re.sub(r"\\([A-Za-z]+)", lambda command: TEX_SIGNS.get(command[1], " "), body)
    return re.sub(r"\s+", " ", re.sub(r"[${}\\]", "", signed))
