"""What is said in other languages is left out. No package has a small multilingual Whisper: its answers are made up."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.signal import resample_poly

from stages.common.errors import Rejected
from stages.common.stage.params import load_params
from stages.demo import voice
from stages.transcripts import recogniser
from stages.transcripts.languages import Piece, muted, other_languages, tells_languages
from stages.transcripts.recogniser import hallucination, load, transcribe
from stages.transcripts.sound import SAMPLE_RATE


class Polyglot:
    """The parts of whisperx's pipeline that tell languages; `answers` are (start, end, language, English) of pieces."""

    def __init__(self, answers):
        self.preset_language, self._vad_params = None, {"vad_onset": 0.5, "vad_offset": 0.4}
        self.answers, self.told = answers, 0
        self.model = SimpleNamespace(model=self)
        self.is_multilingual = True
        self.vad_model = self

    def __call__(self, file):
        return file

    def preprocess_audio(self, audio):
        return audio

    def merge_chunks(self, scores, longest, onset, offset):
        return [{"start": start, "end": end} for start, end, *_ in self.answers]

    def preprocess(self, part):
        return {"inputs": np.zeros((80, 3000), np.float32)}

    def encode(self, features):
        return list(range(features.shape[0]))

    def detect_language(self, encoded):
        found = self.answers[self.told : self.told + len(encoded)]
        self.told += len(encoded)
        return [sorted([("<|en|>", en), (f"<|{name}|>", 1 - en)], key=lambda one: -one[1]) for *_, name, en in found]


def other(answers, monkeypatch):
    monkeypatch.setattr("faster_whisper.transcribe.get_ctranslate2_storage", lambda features: features)
    return [(piece.start, piece.language) for piece in other_languages(Polyglot(answers), np.zeros(SAMPLE_RATE), 2)]


def test_pieces_of_another_language_are_found(monkeypatch):
    assert other([(0, 4, "de", 0.99), (5, 9, "de", 0.02), (9, 12, "de", 0.95)], monkeypatch) == [(5, "de")]
    assert other([], monkeypatch) == []


def test_a_doubtful_piece_goes_with_the_nearest_sure_one(monkeypatch):
    german, english = (0, 4, "de", 0.01), (30, 34, "de", 0.99)
    assert other([german, (5, 6, "de", 0.55), english], monkeypatch) == [(0, "de"), (5, "en")]
    assert other([german, (28, 29, "cy", 0.4), english], monkeypatch) == [(0, "de")]
    assert other([(0, 1, "cy", 0.4), (2, 3, "cy", 0.6)], monkeypatch) == [(0, "cy")]


def test_only_a_multilingual_model_is_asked_and_only_where_the_language_is_open(stage_params):
    pipeline = Polyglot([])
    assert tells_languages(pipeline)
    pipeline.preset_language = "en"
    assert not tells_languages(pipeline)
    assert not tells_languages(load(stage_params("transcripts"), "cpu", 2))
    assert load_params("transcripts")[0].language == ""


def test_muted_sound_is_silent_there_only():
    sound = np.ones(3 * SAMPLE_RATE, np.float32)
    quiet = muted(sound, [Piece(1.0, 2.0, "fr", 0.0)])
    assert quiet.sum() == pytest.approx(1.8 * SAMPLE_RATE, abs=2)
    assert sound.all()
    assert not quiet[SAMPLE_RATE : 2 * SAMPLE_RATE].any()


def say(text, seed):
    return resample_poly(voice.speak(text, seed, 1.0).samples, 2, 3).astype(np.float32)


@pytest.mark.slow
def test_the_rest_of_a_recording_is_transcribed_and_what_is_left_out_is_listed(stage_params, monkeypatch):
    first, second = say("The glands are crowded.", 1), say("The nuclei are large and dark.", 2)
    pause = np.zeros(SAMPLE_RATE, np.float32)
    audio = np.concatenate([first, pause, second])
    begin, end = (len(first) + len(pause)) / SAMPLE_RATE, len(audio) / SAMPLE_RATE
    foreign = [Piece(begin, end, "fr", 0.01)]
    monkeypatch.setattr(recogniser, "tells_languages", lambda pipeline: True)
    monkeypatch.setattr(recogniser, "other_languages", lambda pipeline, audio, batch_size: foreign)
    params = stage_params("transcripts", min_words=3)
    pipeline = load(params, "cpu", 2)
    heard = transcribe(pipeline, [audio], params, "cpu")
    words = " ".join(segment["text"] for segment in heard["segments"]).lower()
    assert "crowded" in words
    assert "nuclei" not in words
    assert [(part["start"], part["end"], part["reason"]) for part in heard["dropped"]] == [
        (pytest.approx(begin, abs=0.001), pytest.approx(end, abs=0.001), "language")
    ]
    with pytest.raises(Rejected) as caught:
        transcribe(pipeline, [audio], stage_params("transcripts", min_words=20), "cpu")
    assert (caught.value.reason, caught.value.message[:2]) == ("language", "fr")


@pytest.mark.slow
def test_a_sentence_is_heard_as_often_as_it_is_said(stage_params):
    once, pause = say("The glands are crowded and dark.", 1), np.zeros(35 * SAMPLE_RATE, np.float32)
    params = stage_params("transcripts")
    heard = transcribe(load(params, "cpu", 2), [np.concatenate([once, pause, once])], params, "cpu")
    assert [segment["text"].lower().count("glands") for segment in heard["segments"]] == [1, 1]
    assert heard["dropped"] == []


def test_a_sentence_said_again_later_is_no_echo(stage_params):
    params = stage_params("transcripts")
    once = {"text": "Here you see necrosis.", "avg_logprob": -0.2, "start": 10.0, "end": 12.0}
    for start, reason in ((12.5, "echo"), (21.0, "echo"), (24.0, ""), (190.0, "")):
        assert hallucination(once | {"start": start, "end": start + 2}, once, params) == reason
