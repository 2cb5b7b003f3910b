"""Figures of JATS articles: label, caption and graphics."""

import codecs
import html
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree

from stages.common.text.characters import unescaped
from stages.sources.pubmed.packages import GRAPHICS, without_ending

SKIPPED = ("annotation", "annotation-xml", "object-id", "permissions", "label", "graphic", "inline-graphic", "fig")
FOOTNOTES = ("fn", "table-fn")  # references whose mark says nothing
SPACED = (
    "title",
    "p",
    "break",
    "list-item",
    "def-item",
    "disp-formula",
    "disp-quote",
    "fn",
)  # a space follows their texts
LISTS = ("list", "def-list", "disp-formula", "fn")  # a space goes before them
POWER = re.compile(r"\s*[-+\u2010-\u2015\u2212]?\d+\s*")
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
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
GREEK = "a b g d e z ee th i k l m n x o p r sf s t u ph kh ps oh"  # before "gr": letters' names in publishers' DTDs
GREEK_LETTERS = {f"{name}gr": chr(0x3B1 + n) for n, name in enumerate(GREEK.split())}
DECLARED = re.compile(rb"^<\?xml[^>]*?(\sencoding\s*=\s*[\"']([\w.-]+)[\"'])")
UNICODE = ("utf-8", "utf8", "utf-16", "utf16", "us-ascii")  # encodings that are declared and often not true
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
    text = _in_utf8(xml).removeprefix(codecs.BOM_UTF8).lstrip()  # nothing may stand before a declaration
    root = _parsed(_with_characters(text))
    for element in root.iter(etree.Element):  # its namespace depends on the archive that it comes from
        element.tag = re.sub(r"^(?:\{.*\}|.*:)", "", element.tag)
    return [_article(one) for one in root.iter("article") if next(one.iterancestors("article"), None) is None]


def _parsed(xml: bytes) -> Any:
    """The root of `xml`; prefixes that are not declared ("xlink:href") are no error."""
    safe = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
    parser = etree.XMLParser(**safe)
    try:
        return etree.fromstring(xml, parser)
    except etree.XMLSyntaxError:  # its own log has what other parsers met before
        if any(one.domain != etree.ErrorDomains.NAMESPACE for one in parser.error_log):
            raise
    return etree.fromstring(xml, etree.XMLParser(**safe, recover=True))


def _in_utf8(xml: bytes) -> bytes:
    """`xml` in UTF-8 where it says that it is in Unicode, or nothing, and is not: in the code page of Windows, which
    has the letters of Latin-1. Other encodings are left to the parser."""
    xml = xml.lstrip(b"\n\r\t ")
    declared = DECLARED.match(xml)
    if not xml.startswith(b"<") or xml[1:2] == b"\0" or (declared and declared[2].decode().lower() not in UNICODE):
        return xml
    if declared:
        xml = xml[: declared.start(1)] + xml[declared.end(1) :]
    try:
        xml.decode()
    except UnicodeDecodeError:
        return xml.decode("cp1252", "replace").encode()
    return xml


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
        if match[1] in own or name in XML_NAMES:
            return match[0]
        known = GREEK_LETTERS.get(name) or html.unescape(match[0].decode())
        if known.startswith("&"):
            known = "\ufffd"  # shows that a character is lost
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
    pictures = _graphics(root)
    for number, fig in enumerate(root.iter("fig", "fig-group"), start=1):
        graphics = pictures.get(fig, [])
        if not graphics and (fig.tag == "fig-group" or fig.find(".//fig") is not None):
            continue  # only holds others
        label = " ".join(" ".join(fig.xpath("./label//text()")).split())
        around = [one for one in fig.iterancestors("fig", "fig-group") if one not in pictures]
        caption = " ".join(filter(None, map(_caption, (*reversed(around), fig))))
        yield Figure(fig.get("id") or f"F{number}", label, caption, graphics)


def _caption(fig: Any) -> str:
    captions = fig.findall("caption")
    english = [one for one in captions if str(one.get(LANGUAGE, "en")).lower().startswith("en")]
    parts = [part for caption in english or captions for part in _text(caption)]
    return re.sub(r"\s+", " ", unescaped("".join(parts))).strip()


def _graphics(root: Any) -> dict[Any, list[list[str]]]:
    """The files of each picture of each figure itself, not of those in it, nor of its caption; thumbnails last."""
    figures: defaultdict[Any, defaultdict[Any, list[tuple[bool, str]]]] = defaultdict(lambda: defaultdict(list))
    for graphic in root.iter("graphic", "media"):
        fig = next(graphic.iterancestors("fig", "fig-group", "caption"), None)
        if fig is None or fig.tag == "caption":
            continue
        href = str(next(iter(graphic.xpath("./@*[local-name()='href' or local-name()='xlink:href']")), "")).strip()
        if href and (graphic.tag == "graphic" or _is_picture(graphic, href)):
            parent = graphic.getparent()
            picture = parent if parent.tag == "alternatives" else without_ending(href)
            figures[fig][picture].append(("thumb" in " ".join(graphic.attrib.values()).lower(), href))
    return {
        fig: [[href for _, href in sorted(files, key=lambda file: file[0])] for files in pictures.values()]
        for fig, pictures in figures.items()
    }


def _is_picture(media: Any, href: str) -> bool:
    kind = media.get("mimetype", "image" if href.lower().endswith(GRAPHICS) else "")
    return str(kind).lower().startswith("image")


def _text(element: Any) -> Iterator[str]:
    """The words below `element`, a space where a new line begins."""
    if element.tag is etree.Entity:
        yield _entity(element)
    if element.tag in SKIPPED or not isinstance(element.tag, str) or element.get("ref-type") in FOOTNOTES:
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
