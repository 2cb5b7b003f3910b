"""Articles of strangers, the archives they come in, their captions, and images."""

import io
import tarfile
import zipfile

import pytest
from hostile import TEXTS, damaged, long_texts, texts, written
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from PIL import Image

from stages.common.data.lookup import ImageFinder
from stages.common.data.pictures import as_jpeg
from stages.common.data.reading import said
from stages.common.data.references import ImageReader
from stages.common.errors import Rejected
from stages.common.text.characters import one_line, plain_signs, unescaped, without_pictures
from stages.sources.filters import clean_text, foreign
from stages.sources.openpath import clean, tweet_id
from stages.sources.pubmed import candidates
from stages.sources.pubmed.figures import read_articles
from stages.sources.pubmed.panels import split_caption

ARTICLE = (
    b'<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE article [<!ENTITY own "text">]>'
    b'<article xmlns:xlink="http://www.w3.org/1999/xlink"><front><article-meta>'
    b'<article-id pub-id-type="pmc">12</article-id>'
    b'<permissions><license xlink:href="http://x/by"><p>CC BY</p></license></permissions></article-meta></front><body>'
    b'<fig-group><fig id="F1"><label>1</label><caption><title>Nests &own; &micro;m</title><p>(<bold>A</bold>) H&amp;E '
    b"10<sup>6</sup>. (B) CD3 "
    b"<inline-formula><alternatives><tex-math>\\geq 1</tex-math></alternatives></inline-formula>."
    b'</p></caption><alternatives><graphic xlink:href="f1.jpg"/><graphic xlink:href="f1.tif"/></alternatives></fig>'
    b"</fig-group></body></article>"
)
TAGS = (
    *("article", "fig", "fig-group", "caption", "graphic", "media", "alternatives", "p", "sup", "tex-math", "label"),
    *("license", "permissions", "article-meta", "article-id", "title", "xref", "list", "x:fig", "inline-formula"),
)
ATTRIBUTES = ("id", "xlink:href", "href", "pub-id-type", "xml:lang", "ref-type", "mimetype", "license-type")
FORMATS = ("JPEG", "PNG", "TIFF", "GIF", "BMP", "WEBP", "AVIF", "JPEG2000")
PICTURES = {
    kind: [
        written(lambda buffer, image=image, kind=kind: image.save(buffer, kind))
        for image in (Image.new("RGB", (9, 7), "purple"), Image.linear_gradient("L").resize((5, 6)))
    ]
    for kind in FORMATS
}
PICTURES["TIFF"] += [
    written(lambda buffer, way=way: Image.new("RGB", (9, 7), "pink").save(buffer, "TIFF", compression=way))
    for way in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")
] + [
    written(lambda buffer, mode=mode: Image.new(mode, (9, 7)).save(buffer, "TIFF"))
    for mode in ("I;16", "F", "1", "CMYK")
]
PICTURES["PNG"] += [
    written(lambda buffer, mode=mode: Image.new(mode, (9, 7)).save(buffer, "PNG")) for mode in ("P", "I;16", "LA", "1")
]
MEMBERS = {"PMC1/a.nxml": ARTICLE, "PMC1/f1.jpg": PICTURES["JPEG"][0]}


def element(below):
    attributes = st.dictionaries(st.sampled_from(ATTRIBUTES), texts, max_size=3)
    return st.builds(_element, st.sampled_from(TAGS), attributes, st.lists(st.one_of(below, texts), max_size=5))


def _element(tag, attributes, inside):
    shown = "".join(f' {name}="{_escaped(value)}"' for name, value in attributes.items())
    return f"<{tag}{shown}>{''.join(one if one.startswith('<') else _escaped(one) for one in inside)}</{tag}>"


def _escaped(text):
    """Mostly well formed: a hostile text is one that a parser accepts."""
    return "".join(c for c in text if c.isprintable()).replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


xml = st.recursive(texts, element, max_leaves=12).map(
    lambda body: f"<article>{body}</article>".encode(errors="replace")
)
DOCTYPES = (
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><article><fig><caption>&x;</caption></fig></article>',
    b'<!DOCTYPE a [<!ENTITY x "y"><!ENTITY y "&x;&x;">]><article><fig><caption>&y;</caption></fig></article>',
    b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><article><fig><caption>&x;</caption></fig></article>',
)


@given(st.one_of(xml, damaged(ARTICLE), damaged(*DOCTYPES)))
def test_jats(fuzz, data):
    def read(folder):
        try:
            return read_articles(data)
        except etree.XMLSyntaxError as error:  # a broken_package, with this detail on one line
            return said(error)

    fuzz(read)


def tarred(kind):
    def write(buffer):
        with tarfile.open(fileobj=buffer, mode=f"w:{kind}") as tar:
            for name, data in MEMBERS.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))

    return written(write)


def zipped(buffer):
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in MEMBERS.items():
            archive.writestr(name, data)


def climbing(name):
    """A tar with a member, a link and a device at the path `name`."""

    def write(buffer):
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for kind in (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
                info = tarfile.TarInfo(f"{name}{kind.decode()}.nxml")
                info.type, info.linkname, info.size = (
                    kind,
                    "/etc/passwd",
                    len(ARTICLE) if kind == tarfile.REGTYPE else 0,
                )
                tar.addfile(info, io.BytesIO(ARTICLE if info.size else b""))

    return written(write)


ARCHIVES = {"a.tar": tarred(""), "a.tar.gz": tarred("gz"), "a.tar.xz": tarred("xz"), "a.zip": written(zipped)}


@pytest.mark.parametrize("name", ARCHIVES)
def test_packages(fuzz, stage_params, name):
    params = stage_params("sources")
    names = st.sampled_from(["../x", "/tmp/x", "a/../../x", "C:\\x", "x" * 300]).map(climbing)

    @given(st.one_of(damaged(ARCHIVES[name]), names))
    def check(data):
        def read(folder):
            pubmed = params.pubmed.model_copy(update={"folder": str(folder)})
            return list(candidates(params.model_copy(update={"pubmed": pubmed})))

        fuzz(read, {name: data})

    check()


@pytest.mark.parametrize("name", ["a.tar", "a.zip"])
def test_images_in_archives(fuzz, name):
    @given(damaged(ARCHIVES[name]), texts)
    def check(data, wanted):
        def read(folder):
            finder = ImageFinder(folder)
            found = finder.find(wanted if wanted in TEXTS[:9] else "f1.jpg", folder)
            return ImageReader().bounded(found, 10_000), finder.damaged

        fuzz(read, {name: data}, allowed=[Rejected])

    check()


@pytest.mark.parametrize("kind", FORMATS)
def test_images(fuzz, kind):
    @given(damaged(*PICTURES[kind]))
    def check(data):
        fuzz(
            lambda folder: [part if isinstance(part, bytes) else part.tobytes() for part in as_jpeg(data)],
            allowed=[Rejected],
        )

    check()


@given(
    long_texts(
        "(A) x ",
        "(A, ",
        "A-",
        "Fig. 1B: ",
        "(A) and ",
        "&amp;",
        "=",
        "-",
        "a.",
        "@a",
        "a-a.",
        "www.",
        "#A",
        "(((",
        "A, B, ",
    )
)
def test_texts(fuzz, text):
    foreign("Nests of tumour cells lie in the stroma", ["de"])  # its model is unpacked at first
    fuzz(
        lambda folder: (
            *(
                split_caption(text),
                clean(text),
                clean_text(text),
                tweet_id(text),
                foreign(text, ["en"]),
                unescaped(text),
            ),
            *(one_line(text), plain_signs(text), without_pictures(text)),
        )
    )
