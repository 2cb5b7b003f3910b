"""Captions and pictures of JATS as publishers write it."""

import pytest
from articles import XLINK
from lxml import etree

from stages.sources.pubmed.figures import read_articles

FIG = '<fig id="F1"><caption><p>{}</p></caption><graphic xlink:href="f1.jpg"/></fig>'
MATH = "<mml:math><mml:mo>{}</mml:mo><mml:mn>{}</mml:mn></mml:math>"
NAMESPACES = f'{XLINK} xmlns:mml="http://www.w3.org/1998/Math/MathML"'


def figures(body, namespaces=NAMESPACES, before=""):
    (article,) = read_articles(f"{before}<article {namespaces}><body>{body}</body></article>".encode())
    return article.figures


@pytest.mark.parametrize(
    ("caption", "text"),
    [
        ("Low power<break/>High power", "Low power High power"),
        ("10<sup>6</sup> or 10<sup>\u22123</sup>, CD4<sup>+</sup>, mm<sup>2</sup>", "10^6 or 10^\u22123, CD4+, mm2"),
        ("Shown:<list><list-item><p>PAS</p></list-item></list>", "Shown: PAS"),
        ("Stains: <list><list-item><p>PAS</p></list-item><list-item><p>CD3</p></list-item></list>", "Stains: PAS CD3"),
        (f"Ki-67 <inline-formula>{MATH.format('≥', 20)}</inline-formula> %", "Ki-67 ≥20 %"),
        (
            "Ki-67 <inline-formula><alternatives><inline-graphic xlink:href='i'/><tex-math>\\ge 20</tex-math>"
            f"{MATH.format('≥', 20)}</alternatives></inline-formula> %",
            "Ki-67 ≥20 %",
        ),
        ("<inline-formula><tex-math>$5 \\pm 2$</tex-math></inline-formula> mm", "5 ± 2 mm"),
        (
            "<inline-formula><tex-math>\\documentclass{a}\\begin{document}$${\\times}40$$\\end{document}</tex-math>"
            "</inline-formula>",
            "×40",
        ),
        ("Bar 50 &micro;m, TGF-&alpha; &lt; 1", "Bar 50 µm, TGF-α < 1"),
        ("TGF-&bgr; &mgr;m &unknown;", "TGF-β μm \ufffd"),
        ("H&amp;amp;E, &amp;lt;5 &amp;#181;m, <![CDATA[AT&T &mu;m]]>", "H&E, <5 µm, AT&T μm"),
        ("Index<disp-formula><label>(1)</label>x=2</disp-formula>is high", "Index x=2 is high"),
        ("Gland<xref ref-type='fn'><sup>a</sup></xref>.<fn><label>a</label><p>Of a rat.</p></fn>", "Gland. Of a rat."),
        ("Bar 50&#xa0;<italic>&#956;</italic>m", "Bar 50 μm"),
    ],
)
def test_captions_keep_what_they_say(caption, text):
    assert [one.caption for one in figures(FIG.format(caption))] == [text]


def test_entities_of_the_article_itself_are_read_where_they_are_text():
    dtd = '<!DOCTYPE article [<!ENTITY micro "micro"><!ENTITY um "&#181;m"><!ENTITY x "<b/>">]>'
    assert figures(FIG.format("5 &um; &micro; &x;"), before=dtd)[0].caption == "5 µm micro"


@pytest.mark.parametrize("address", ["https://jats.nlm.nih.gov/ns/archiving/1.3/", "http://jats.nlm.nih.gov"])
def test_a_default_namespace_hides_nothing(address):
    found = figures(FIG.format("A gland."), f'xmlns="{address}" {NAMESPACES}')
    assert [(one.caption, one.graphics) for one in found] == [("A gland.", [["f1.jpg"]])]


@pytest.mark.parametrize(
    ("graphics", "pictures"),
    [
        ('<graphic xlink:href="f1.tif"/><graphic xlink:href="g1.tif"/>', [["f1.tif"], ["g1.tif"]]),
        ('<graphic xlink:href="f1.tif"/><graphic xlink:href="f1.jpg"/>', [["f1.tif", "f1.jpg"]]),
        ('<graphic xlink:href="p.g001"/><graphic xlink:href="p.g002"/>', [["p.g001"], ["p.g002"]]),
        (
            '<alternatives><graphic xlink:href="small.gif" content-type="thumbnail"/><graphic xlink:href="web.jpg"/>'
            '<graphic xlink:href="print.tif"/></alternatives>',
            [["web.jpg", "print.tif", "small.gif"]],
        ),
        ('<graphic href="f1.jpg"/>', [["f1.jpg"]]),
        ('<media mimetype="image" xlink:href="f1"/><media xlink:href="f2.jpg"/>', [["f1"], ["f2.jpg"]]),
        ('<media mimetype="video" xlink:href="f1.mp4"/><media xlink:href="f2.mov"/>', []),
        ("<p/>", []),
    ],
)
def test_forms_of_one_picture_are_one_picture(graphics, pictures):
    (figure,) = figures(f"<fig><caption><p>A gland.</p></caption>{graphics}</fig>")
    assert figure.graphics == pictures


def test_figures_in_groups_and_in_figures_have_the_outer_caption_too():
    inner = FIG.format("A gland.")
    group = f"<fig-group><caption><title>Case 1.</title></caption>{inner}{inner}</fig-group>"
    nested = f"<fig><caption><p>Case 2.</p></caption>{inner}</fig>"
    both = f'<fig><caption><p>Case 3.</p></caption><graphic xlink:href="o.jpg"/>{inner}</fig>'
    found = [(one.caption, one.graphics) for one in figures(group + nested + both)]
    own = [["f1.jpg"]]
    assert found == [
        ("Case 1. A gland.", own),
        ("Case 1. A gland.", own),
        ("Case 2. A gland.", own),
        ("Case 3.", [["o.jpg"]]),
        ("A gland.", own),
    ]


@pytest.mark.parametrize(
    ("declared", "true"), [("", "latin-1"), ("UTF-8", "cp1252"), ("UTF-16", "utf-8"), ("utf-8", "utf-8")]
)
def test_an_encoding_that_is_not_as_declared_is_told_by_the_bytes(declared, true):
    how = f' encoding="{declared}"' if declared else ""
    text = f'\n<?xml version="1.0"{how}?><article {NAMESPACES}>{FIG.format("Sjögren, 5 µm")}</article>'
    assert read_articles(text.encode(true))[0].figures[0].caption == "Sjögren, 5 µm"


@pytest.mark.parametrize("namespaces", ["", 'xmlns:xl="http://www.w3.org/1999/xlink"'])
def test_prefixes_matter_as_little_as_that_they_are_declared(namespaces):
    fig = FIG.replace("xlink:", "xl:" if namespaces else "xlink:")
    assert figures(fig.format(MATH.format("≥", 5) if not namespaces else "≥5"), namespaces)[0].graphics == [["f1.jpg"]]
    with pytest.raises(etree.XMLSyntaxError):
        figures(fig.format("</p>"), namespaces)


def test_figures_of_answers_and_floats_are_found_and_captions_read_in_english():
    both = '<fig id="F1"><caption xml:lang="es"><p>Riñón.</p></caption><caption xml:lang="en"><p>Kidney.</p></caption>'
    body = FIG.format("Of the article.")
    parts = f"{both}<graphic xlink:href='f1'/></fig></body><floats-group>{FIG.format('Afloat.')}</floats-group>"
    more = f"<sub-article><body>{body}</body></sub-article><response><body>{body}</body></response><body>"
    assert [one.caption for one in figures(parts + more)] == [
        "Kidney.",
        "Afloat.",
        "Of the article.",
        "Of the article.",
    ]
