"""Real Whisper on real speech."""

from itertools import pairwise

import numpy as np
import pytest

from stages.audit.text import word_error_rate
from stages.common.errors import Rejected, StageError
from stages.common.files import read_json
from stages.common.itemwise import Item
from stages.demo import film, script
from stages.transcripts.recogniser import _interpolated, _joined, load
from stages.transcripts.work import read_audio, transcript


@pytest.fixture(scope="module")
def lecture(tmp_path_factory):
    """A short narrated film and its script."""
    folder = tmp_path_factory.mktemp("lecture")
    row = next(row for row in script.cast("tiny") if not row[3])
    plan = script.write(*row, seed=1, holds=1)
    film.shoot(plan, folder / "film.mp4")
    return plan, folder / "film.mp4"


@pytest.mark.slow
def test_speech_becomes_timed_words(tmp_path, lecture, params):
    plan, path = lecture
    transcript(Item("film", "d", {"path": str(path)}), tmp_path, params("transcripts"), "cpu", jobs=1)
    heard = read_json(tmp_path / "film.json")
    words = [word for segment in heard["segments"] for word in segment["words"]]
    said = " ".join(line.text for line in plan.lines)
    assert word_error_rate([said], [" ".join(word["word"] for word in words)]) < 0.25
    assert all(a["start"] <= b["start"] + 0.05 for a, b in pairwise(words))
    for line in plan.lines:
        first = min(words, key=lambda word: abs(word["start"] - line.start))
        assert first["start"] == pytest.approx(line.start, abs=0.6)
    transcript(Item("film", "d", {"path": str(path)}), tmp_path / "again", params("transcripts"), "cpu", jobs=2)
    assert read_json(tmp_path / "again" / "film.json") == heard


@pytest.mark.slow
def test_silence_is_rejected(tmp_path, params):
    row = next(row for row in script.cast("tiny") if row[3] == "short")
    plan = script.write(*row, seed=1, holds=1)
    plan.decoy = "silent"
    film.shoot(plan, tmp_path / "film.mp4")
    with pytest.raises(Rejected, match="no_speech"):
        transcript(
            Item("film", "d", {"path": str(tmp_path / "film.mp4")}), tmp_path, params("transcripts"), "cpu", jobs=1
        )


@pytest.mark.slow
def test_sound_is_decoded_whole_and_mono(lecture):
    plan, path = lecture
    audio = read_audio(path)
    assert audio.dtype == np.float32
    assert len(audio) / 16000 == pytest.approx(plan.now, abs=0.2)
    assert 0.05 < np.abs(audio).max() <= 1


def test_a_model_that_is_not_the_expected_one_or_not_there_is_one_line(params):
    with pytest.raises(StageError, match=r"model.bin: sha256 is 1a5afae06a4db91c.*expected 0000"):
        load(params("transcripts", sha256="0" * 64), "cpu", 1)
    with pytest.raises(StageError, match=r"transcripts.model 'no-such-model' cannot be loaded"):
        load(params("transcripts", model="no-such-model", sha256=""), "cpu", 1)


def test_words_that_alignment_cannot_time_get_times_between_their_neighbours():
    words = [
        {"word": "grade", "start": 1.0, "end": 1.4, "score": 0.9},
        {"word": "3"},
        {"word": "of", "start": 2.0, "end": 2.2, "score": 0.8},
    ]
    timed = _interpolated(words, 1.0, 2.2)
    assert timed[1] == {"word": "3", "start": 1.5, "end": 1.8, "score": 0.0}


def test_lone_marks_join_the_word_before():
    assert _joined([{"word": "H"}, {"word": "&"}, {"word": "E"}, {"word": "."}]) == [{"word": "H&"}, {"word": "E."}]
