"""Speech is found in whatever channel and track it is, by real Whisper."""

import av
import numpy as np
import pytest
from scipy.signal import resample_poly

from stages.audit.text import word_error_rate
from stages.common.data.files import read_json
from stages.common.errors import Rejected
from stages.common.incremental.runner import Item
from stages.demo import voice
from stages.transcripts.sound import SAMPLE_RATE, Voice, sound, voices
from stages.transcripts.work import transcript

SAID = "The glands are crowded and irregular. The nuclei are large and dark."


@pytest.fixture(scope="module")
def speech():
    """SAID, at SAMPLE_RATE."""
    return resample_poly(voice.speak(SAID, 1, 1.0).samples, 2, 3).astype(np.float32)


def silence(like):
    return np.zeros_like(like)


def music(like):
    """A chord, louder than the speech."""
    time = np.arange(len(like)) / SAMPLE_RATE
    return sum(0.25 * np.sin(2 * np.pi * tone * time) for tone in (262, 330, 392)).astype(np.float32)


def film(path, *tracks, languages=()):
    """A file with these sound tracks, each a list of its channels, without pictures."""
    with av.open(str(path), "w") as out:
        streams = [
            out.add_stream("aac", rate=SAMPLE_RATE, layout="stereo" if len(track) == 2 else "mono", bit_rate=128_000)
            for track in tracks
        ]
        for stream, language in zip(streams, languages, strict=False):
            stream.metadata["language"] = language
        for stream, track in zip(streams, tracks, strict=True):
            for begin in range(0, len(track[0]), 1024):
                block = np.stack([channel[begin : begin + 1024] for channel in track])
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=stream.layout.name)
                frame.sample_rate, frame.pts = SAMPLE_RATE, begin
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return path


def loudness(samples):
    return float(np.sqrt((samples**2).mean()))


@pytest.mark.parametrize(
    ("left", "right", "share"),
    [(1, 1, 1.0), (1, -1, 1.0), (-0.8, 1, 1.0), (1, 0, 0.5), (0, 1, 0.5), (1, -0.3, 0.35)],
)
def test_two_channels_become_one_without_cancelling_out(tmp_path, speech, left, right, share):
    mono = np.concatenate(list(sound(film(tmp_path / "film.mkv", [left * speech, right * speech]))))
    assert loudness(mono) == pytest.approx(share * loudness(speech), rel=0.05)


def test_a_channel_turned_round_in_the_middle_is_heard_on(tmp_path, speech):
    long = np.tile(speech, 70 * SAMPLE_RATE // len(speech))
    sign = np.where(np.arange(len(long)) < len(long) / 2, 1, -1).astype(np.float32)
    mono = np.concatenate(list(sound(film(tmp_path / "film.mkv", [long, sign * long]))))
    assert loudness(mono[-20 * SAMPLE_RATE :]) == pytest.approx(loudness(long[-20 * SAMPLE_RATE :]), rel=0.05)


def test_tracks_come_before_channels_and_english_ones_first(tmp_path, speech):
    tracks = [speech], [speech, silence(speech)], [speech, speech]
    path = film(tmp_path / "film.mkv", *tracks, languages=("ger", "und", "eng"))
    mixed = [Voice(1), Voice(2), Voice(0)]
    assert list(voices(path)) == [*mixed, Voice(1, 0), Voice(1, 1)], "the channels of the third are alike"


@pytest.mark.slow
@pytest.mark.parametrize(
    "tracks",
    [
        lambda said: [[said, -said]],
        lambda said: [[silence(said), said]],
        lambda said: [[music(said), said]],
        lambda said: [[silence(said)], [said]],
        lambda said: [[music(said), music(said)], [silence(said)], [-said, said]],
    ],
    ids=["one inverted", "one silent", "one with music", "first track silent", "third track, inverted"],
)
def test_speech_is_heard_wherever_it_is(tmp_path, speech, stage_params, tracks):
    path = film(tmp_path / "film.mkv", *tracks(speech))
    transcript(Item("film", "d", {"path": str(path)}), tmp_path, stage_params("transcripts"), "cpu", jobs=2)
    words = [word["word"] for segment in read_json(tmp_path / "film.json")["segments"] for word in segment["words"]]
    assert word_error_rate([SAID], [" ".join(words)]) < 0.2


@pytest.mark.slow
def test_where_nobody_speaks_the_first_track_says_why(tmp_path, speech, stage_params):
    path = film(tmp_path / "film.mkv", [silence(speech)], [music(speech), silence(speech)])
    with pytest.raises(Rejected, match="no_speech"):
        transcript(Item("film", "d", {"path": str(path)}), tmp_path, stage_params("transcripts"), "cpu", jobs=2)
