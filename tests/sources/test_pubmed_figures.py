"""Captions and pictures of JATS as publishers write it."""

import pytest
from articles import XLINK

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
