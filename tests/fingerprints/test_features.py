"""Local features: the same words for a picture that was turned, mirrored or scaled."""

import cv2
import numpy as np
import pytest

from stages.common.data.pictures import decode
from stages.common.tables.fingerprints import FEATURE, HANDED, TURN
from stages.demo.captioned import make
from stages.fingerprints.features import MOST, blobs, spots

KINDS = pytest.mark.parametrize("kind", [blobs, spots], ids=["blobs", "spots"])


@pytest.fixture(scope="module")
def picture():
    return decode(make("pubmed", 3, 5).image)


def table(kind, picture):
    return np.frombuffer(kind(np.ascontiguousarray(picture)), FEATURE)


def shared(one, other):
    """Features of `one` whose word is one of `other`'s, and one that has it."""
    words = {word: n for n, word in enumerate((other["word"] & ~HANDED).tolist())}
    pairs = [(n, words[word]) for n, word in enumerate((one["word"] & ~HANDED).tolist()) if word in words]
    return one[[n for n, _ in pairs]], other[[n for _, n in pairs]]


@KINDS
def test_a_turned_picture_has_the_same_words_and_angles_turned_alike(kind, picture):
    own = table(kind, picture)
    before, after = shared(own, table(kind, np.rot90(picture)))
    assert len(before) > 0.2 * len(own)
    turn = (after["angle"].astype(int) - before["angle"]) % TURN
    assert np.mean(np.abs(turn - 3 * TURN // 4) <= 6) > 0.8
    assert np.mean((before["word"] ^ after["word"]) & HANDED > 0) < 0.1


@KINDS
def test_a_mirrored_picture_has_the_same_words_with_the_other_hand(kind, picture):
    own = table(kind, picture)
    before, after = shared(own, table(kind, picture[:, ::-1]))
    assert len(before) > 0.2 * len(own)
    assert np.mean((before["word"] ^ after["word"]) & HANDED > 0) > 0.9
    assert np.median(np.abs(before["x"].astype(int) + after["x"] - 255)) <= 2


def test_words_outlast_scale_and_colour_and_other_tissue_has_others(picture):
    own = table(blobs, picture)
    half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    grey = np.repeat(cv2.cvtColor(half, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    assert len(shared(own, table(blobs, grey))[0]) > 0.05 * len(own)
    other = decode(make("pubmed", 4, 5).image)
    assert len(shared(own, table(blobs, other))[0]) < 0.01 * len(own)


@KINDS
def test_bare_glass_and_the_smallest_picture_have_few_or_no_features(kind, picture):
    assert kind(np.full((200, 300, 3), 240, np.uint8)) == b""
    assert len(table(kind, picture[:1, :1])) == 0
    assert 0 < len(table(kind, picture)) <= MOST
