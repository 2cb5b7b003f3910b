"""The page of answers in a browser: by keyboard, on a narrow screen, without a request, with text from outside."""

from pathlib import Path

import numpy as np
import pytest
from browser import Browser
from PIL import Image

from stages.common.data.files import jpeg
from stages.search.page import ranked, write_page
from stages.search.samples import ImageSample

EVIL = "<script>window.evil = 1</script>"
NAMES = ["glands", EVIL]
COUNT = 6


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page of twelve images, and a browser that has opened it."""
    folder = tmp_path_factory.mktemp("page")
    rng = np.random.default_rng(0)
    samples = []
    for number in range(12):
        (folder / f"{number}.jpg").write_bytes(jpeg(Image.fromarray(rng.integers(0, 255, (90, 120, 3), np.uint8))))
        samples.append(
            ImageSample(f"{folder}/{number}.jpg", "quilt", "test", [f"{EVIL} text {number}"], [f"p{number}"])
        )
    vectors = rng.normal(size=(14, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    questions = ranked(NAMES, vectors[12:], vectors[:12], COUNT)
    alike = ranked([one.image for one in samples], vectors[:12], vectors[:12], COUNT)
    write_page(folder / "search.html", f"Title {EVIL}", "Demo <b>world</b>.", samples, questions, alike)
    browser = Browser(folder)
    browser.open(folder / "search.html")
    yield browser, questions, alike
    browser.close()


def shown(browser):
    """Pairs of the images that are seen, in their order."""
    names = "[...document.querySelectorAll('.cards li')].filter(card => card.checkVisibility())"
    return browser.value(f"{names}.map(card => card.querySelector('img').alt.replace('Image of ', ''))")


def answers(question):
    return [f"p{number}" for number, _ in question.answers]


def test_it_is_used_by_keyboard_alone_and_goes_back(page):
    browser, questions, alike = page
    assert shown(browser) == answers(questions[0])
    browser.press("Tab", "Tab", "Enter")
    browser.wait("location.hash === '#question=1'")
    assert shown(browser) == answers(questions[1])
    assert EVIL in browser.value("document.activeElement.textContent")
    browser.press("Tab", "Tab", "Enter")  # more like the second
    second = questions[1].answers[1][0]
    browser.wait(f"location.hash === '#like={second}'")
    assert shown(browser) == answers(alike[second])
    assert shown(browser)[0] == f"p{second}", "an image is most like itself"
    assert browser.value("document.querySelector('.cards li:not([hidden]) .score').textContent") == "1.000"
    browser.value("history.back()")
    browser.wait("document.getElementById('asked').textContent.includes('script')")
    assert shown(browser) == answers(questions[1])


def test_it_asks_nothing_of_a_network_and_runs_no_text(page):
    browser, _, _ = page
    assert browser.noise == []
    assert browser.requests == []
    assert browser.value("window.evil") is None
    assert EVIL in browser.value("document.body.textContent")


def test_it_fits_a_narrow_screen_and_axe_finds_no_fault(page):
    import axe_core_python

    browser, _, _ = page
    browser.resize(360)
    assert browser.value("document.documentElement.scrollWidth") <= 360
    browser.value((Path(axe_core_python.__path__[0]) / "axe.min.js").read_text() + "; 0")
    browser.value("axe.run().then(found => window.found = found.violations.map(one => [one.id, one.impact])); 0")
    browser.wait("window.found !== undefined")
    assert browser.value("window.found") == []
