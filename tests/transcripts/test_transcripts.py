"""Real Whisper on real speech."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from stages.audit.text import word_error_rate
from stages.common.data.files import read_json
from stages.common.errors import Failed, Rejected, StageError
from stages.common.incremental.runner import Item
from stages.demo import render, script
from stages.transcripts.recogniser import hallucination, load, transcribe
from stages.transcripts.sound import SAMPLE_RATE, sound, windows
from stages.transcripts.words import interpolated, joined
from stages.transcripts.work import transcript


@pytest.fixture(scope="module")
def lecture(tmp_path_factory):
    """A short narrated film and its script."""
    folder = tmp_path_factory.mktemp("lecture")
    row = next(row for row in script.cast("tiny") if not row[3])
    plan = script.write(*row, seed=1, holds=1)
    render.shoot(plan, folder / "film.mp4")
    return plan, folder / "film.mp4"


@pytest.mark.slow
def test_speech_becomes_timed_words(tmp_path, lecture, stage_params):
    plan, path = lecture
    transcript(Item("film", "d", {"path": str(path)}), tmp_path, stage_params("transcripts"), "cpu", jobs=1)
    heard = read_json(tmp_path / "film.json")
    words = [word for segment in heard["segments"] for word in segment["words"]]
    said = " ".join(line.text for line in plan.lines)
    assert word_error_rate([said], [" ".join(word["word"] for word in words)]) < 0.25
    assert all(a["start"] <= b["start"] + 0.05 for a, b in pairwise(words))
    for line in plan.lines:
        first = min(words, key=lambda word: abs(word["start"] - line.start))
        assert first["start"] == pytest.approx(line.start, abs=0.6)
    transcript(Item("film", "d", {"path": str(path)}), tmp_path / "again", stage_params("transcripts"), "cpu", jobs=2)
    assert read_json(tmp_path / "again" / "film.json") == heard


@pytest.mark.slow
def test_silence_is_rejected(tmp_path, stage_params):
    row = next(row for row in script.cast("tiny") if row[3] == "short")
    plan = script.write(*row, seed=1, holds=1)
    plan.decoy = "silent"
    render.shoot(plan, tmp_path / "film.mp4")
    with pytest.raises(Rejected, match="no_speech"):
        transcript(
            Item("film", "d", {"path": str(tmp_path / "film.mp4")}),
            tmp_path,
            stage_params("transcripts"),
            "cpu",
            jobs=1,
        )


@pytest.mark.slow
def test_sound_is_decoded_whole_and_mono(lecture):
    plan, path = lecture
    audio = np.concatenate(list(sound(path)))
    assert audio.dtype == np.float32
    assert len(audio) / SAMPLE_RATE == pytest.approx(plan.now, abs=0.2)
    assert 0.05 < np.abs(audio).max() <= 1


@pytest.mark.slow
def test_a_long_film_is_heard_in_pieces_without_losing_words(lecture, stage_params):
    plan, path = lecture
    params = stage_params("transcripts")
    pipeline = load(params, "cpu", 2)
    pieces = list(windows(sound(path), 12.0))
    assert len(pieces) > 1
    heard = transcribe(pipeline, pieces, params, "cpu")
    words = [word for segment in heard["segments"] for word in segment["words"]]
    said = " ".join(line.text for line in plan.lines)
    assert word_error_rate([said], [" ".join(word["word"] for word in words)]) < 0.25
    assert all(a["start"] <= b["start"] + 0.05 for a, b in pairwise(words))
    assert heard["audio_s"] == pytest.approx(plan.now, abs=0.2)


def beep(path, start_s, hole=(0.0, 0.0)):
    """A film of 3 s whose tone sounds from `start_s` to 2.5 s, with no sound packets in `hole`."""
    with av.open(str(path), "w") as out:
        film = out.add_stream("libx264", rate=25)
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        track = out.add_stream("pcm_s16le", rate=16000, layout="mono")
        for n in range(75):
            out.mux(film.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), n, np.uint8), format="rgb24")))
        out.mux(film.encode(None))
        for begin in np.arange(start_s, 2.5, 0.1):
            if hole[0] <= begin < hole[1]:
                continue
            tone = (np.sin(np.arange(1600) * 0.2) * 20000).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, round(begin * 16000), Fraction(1, 16000)
            out.mux(track.encode(frame))
    return path


def test_sound_keeps_the_time_of_the_pictures(tmp_path):
    audio = np.concatenate(list(sound(beep(tmp_path / "late.mkv", 1.0, hole=(1.5, 1.8)))))
    loud = np.abs(audio) > 0.1
    assert np.argmax(loud) / SAMPLE_RATE == pytest.approx(1.0, abs=0.02)
    assert not loud[round(1.52 * SAMPLE_RATE) : round(1.78 * SAMPLE_RATE)].any()
    assert loud[round(1.85 * SAMPLE_RATE) : round(2.4 * SAMPLE_RATE)].mean() > 0.8
    assert len(audio) / SAMPLE_RATE == pytest.approx(2.5, abs=0.02)


@pytest.mark.slow
def test_music_says_nothing(stage_params):
    params = stage_params("transcripts")
    time = np.arange(20 * SAMPLE_RATE) / SAMPLE_RATE
    chords = [(261.6, 329.6, 392.0), (293.7, 370.0, 440.0), (196.0, 246.9, 293.7)]
    chord = np.array(chords)[(time / 0.8).astype(int) % 3]
    notes = sum(np.sin(2 * np.pi * chord[:, n] * k * time) / k for n in range(3) for k in (1, 2, 3))
    music = (0.1 * notes * np.exp(-2 * (time % 0.8))).astype(np.float32)
    heard = transcribe(load(params, "cpu", 2), [music], params, "cpu")
    assert heard["segments"] == []


def test_a_film_without_sound_is_rejected_and_a_broken_one_fails(tmp_path):
    with av.open(str(tmp_path / "mute.mp4"), "w") as out:
        film = out.add_stream("libx264", rate=25)
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        out.mux(film.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        out.mux(film.encode(None))
    with pytest.raises(Rejected, match="no_audio"):
        list(sound(tmp_path / "mute.mp4"))
    (tmp_path / "junk.mp4").write_bytes(b"no film")
    with pytest.raises(Failed, match=r"junk.mp4: sound breaks off after 0.0 s"):
        list(sound(tmp_path / "junk.mp4"))


def segment(text, logprob=-0.3):
    return {"text": text, "avg_logprob": logprob, "start": 0.0, "end": 5.0}


def test_what_nobody_said_is_told_by_repeats_echoes_and_doubt(stage_params):
    params = stage_params("transcripts")
    lecture = segment("The glands are crowded and irregular, and the nuclei are stratified and hyperchromatic.")
    assert hallucination(lecture, None, params) == ""
    assert hallucination(segment("Thank you for watching. " * 12), None, params) == "repeats"
    assert hallucination(segment("Thank you."), segment(" thank you."), params) == "echo"
    assert hallucination(segment("Mm the gland.", logprob=-1.4), None, params) == "unlikely"


def test_a_model_that_is_not_the_expected_one_or_not_there_is_one_line(stage_params):
    with pytest.raises(StageError, match=r"model.bin: sha256 is 1a5afae06a4db91c.*expected 0000"):
        load(stage_params("transcripts", sha256="0" * 64), "cpu", 1)
    with pytest.raises(StageError, match=r"transcripts.model 'no-such-model' cannot be loaded"):
        load(stage_params("transcripts", model="no-such-model", sha256=""), "cpu", 1)


def test_words_that_alignment_cannot_time_share_the_gap_and_are_marked():
    words = [
        {"word": "grade", "start": 1.0, "end": 1.4, "score": 0.9},
        {"word": "3"},
        {"word": "%"},
        {"word": "of", "start": 2.0, "end": 2.2, "score": 0.8},
        {"word": "5"},
    ]
    timed = interpolated(words, 1.0, 3.0)
    assert timed[1] == {"word": "3", "start": 1.4, "end": 1.7, "score": 0.0, "interpolated": True}
    assert timed[2] == {"word": "%", "start": 1.7, "end": 2.0, "score": 0.0, "interpolated": True}
    assert timed[4] == {"word": "5", "start": 2.2, "end": 3.0, "score": 0.0, "interpolated": True}
    assert timed[0] == words[0]
    assert interpolated([{"word": "7"}], 4.0, 5.0)[0]["start"] == 4.0


def test_marks_and_parts_after_a_hyphen_join_the_word_before():
    said = ["H", "&", "E", ".", "high", "-grade", "it", "'s"]
    words = [{"word": word, "start": float(n), "end": n + 0.5} for n, word in enumerate(said)]
    found = joined(words)
    assert [word["word"] for word in found] == ["H&", "E.", "high-grade", "it's"]
    assert [(word["start"], word["end"]) for word in found] == [(0.0, 1.5), (2.0, 3.5), (4.0, 5.5), (6.0, 7.5)]
