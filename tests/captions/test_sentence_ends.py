"""Where full stops are missing, pauses end sentences."""

from itertools import accumulate, pairwise

import numpy as np
import pytest
from scipy.signal import resample_poly

from stages.captions.sentences import LONGEST, sentences
from stages.demo import voice
from stages.transcripts.recogniser import load, transcribe
from stages.transcripts.sound import SAMPLE_RATE

SAID = (
    "The section shows colonic mucosa with crowded glands",
    "Goblet cells are few and the nuclei are stratified",
    "The lamina propria is full of lymphocytes and plasma cells",
    "At the base of the crypts neutrophils have gathered",
    "We find no granulomas and no dysplasia in this biopsy",
)


@pytest.fixture
def nltk_data(stage_params):
    return stage_params("captions").nltk_data


def spoken(lines, pause, word_s=0.3, lasting=False):
    """Words at an even pace, `pause` seconds after each line; `lasting`: a word lasts until the next begins."""
    words, now = [], 0.0
    for line in lines:
        for text in line.split():
            words.append({"word": text, "start": now, "end": now + word_s})
            now += word_s
        now += pause
    if lasting:
        for word, after in pairwise(words):
            word["end"] = after["start"]
    return words


def plain(lines):
    return [line.lower() for line in lines]


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("pause", [0.6, 1.2])
def test_pauses_end_sentences_where_no_full_stop_does(nltk_data, pause, lasting):
    found = sentences(spoken(plain(SAID), pause, lasting=lasting), nltk_data)
    assert [sentence.text for sentence in found] == plain(SAID)
    assert found[1].start == pytest.approx(8 * 0.3 + pause)
    assert all(len(sentence.times) == len(sentence.text.split()) for sentence in found)


def test_a_change_of_pace_is_no_pause(nltk_data):
    words = spoken(plain(SAID[:3]), 0.0)
    slow = spoken(plain(SAID[3:]), 0.0, word_s=0.8)
    later = [word | {"start": word["start"] + 8.7, "end": word["end"] + 8.7} for word in slow]
    found = sentences(words + later, nltk_data)
    assert max(len(sentence.times) for sentence in found) <= LONGEST
    assert [time for sentence in found for time in sentence.times] == [(w["start"], w["end"]) for w in words + later]


def test_without_any_pause_a_word_that_opens_a_sentence_does(nltk_data):
    first = "in the dermis there is a nodule of pale cells with a rim of lymphocytes around each of the vessels"
    words = spoken([first, "now the second block has glomeruli and tubules with casts"], 0.0)
    assert [sentence.text.split()[0] for sentence in sentences(words, nltk_data)] == ["in", "now"]


@pytest.mark.parametrize(
    "text",
    [
        "The nuclei are large and dark.",
        "The tumor, which arises in the deep dermis, is made of spindle cells, has no capsule, and pushes the fat"
        " aside, although in some fields it seems to send fingers between the lobules.",
    ],
)
def test_a_sentence_with_its_marks_stays_whole_whatever_the_pauses(nltk_data, text):
    words = spoken(text.split(" "), 0.2)
    words[8:] = [word | {"start": word["start"] + 0.9, "end": word["end"] + 0.9} for word in words[8:]]
    assert [sentence.text for sentence in sentences(words, nltk_data)] == [text]


@pytest.mark.slow
def test_sentences_of_a_real_transcript_come_back_without_their_full_stops(stage_params, nltk_data):
    params = stage_params("transcripts")
    pause = np.zeros(int(0.5 * SAMPLE_RATE), np.float32)
    parts = [resample_poly(voice.speak(f"{line}.", 3, 1.0).samples, 2, 3).astype(np.float32) for line in SAID]
    audio = np.concatenate([sound for part in parts for sound in (part, pause)])
    heard = transcribe(load(params, "cpu", 2), [audio], params, "cpu")
    words = [word for segment in heard["segments"] for word in segment["words"]]
    ends = {n for n, word in enumerate(words, start=1) if word["word"].endswith(".")}
    bare = [word | {"word": word["word"].strip(".,").lower()} for word in words]
    found = set(accumulate(len(sentence.times) for sentence in sentences(bare, nltk_data)))
    assert len(ends) >= 4
    assert len(found & ends) >= 0.75 * max(len(ends), len(found))
