"""Damage and changes within a sound track: what can be heard keeps its time."""

import subprocess

import av
import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from stages.transcripts.sound import SAMPLE_RATE, sound


def tone(path, seconds=4, rate=24000, layout="mono", offset=0, frequency=440):
    source = f"sine=frequency={frequency}:duration={seconds}:sample_rate={rate}"
    command = [get_ffmpeg_exe(), "-v", "error", "-y", "-f", "lavfi", "-i", source, "-c:a", "aac", "-channel_layout"]
    command += [layout, "-output_ts_offset", str(offset), str(path)]
    subprocess.run(command, check=True)
    return path


def loudness(samples, begin, end):
    return float(np.sqrt((samples[int(begin * SAMPLE_RATE) : int(end * SAMPLE_RATE)] ** 2).mean()))


def test_a_damaged_packet_is_a_moment_of_silence(tmp_path):
    path = tone(tmp_path / "sound.m4a")
    with av.open(str(path)) as container:
        packet = next(p for p in container.demux(audio=0) if p.pts is not None and p.pts * p.time_base >= 2)
    data = bytearray(path.read_bytes())
    data[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path.write_bytes(data)
    samples = np.concatenate(list(sound(path)))
    assert len(samples) / SAMPLE_RATE == pytest.approx(4, abs=0.1)
    assert loudness(samples, 0.5, 1.9) == pytest.approx(loudness(samples, 2.3, 3.7), rel=0.05)


@pytest.mark.parametrize("change", [{"rate": 48000}, {"layout": "stereo"}, {"rate": 16000, "layout": "stereo"}])
def test_a_track_that_changes_is_heard_to_its_end(tmp_path, change):
    parts = [tone(tmp_path / "1.ts"), tone(tmp_path / "2.ts", offset=4, frequency=880, **change)]
    (tmp_path / "both.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    samples = np.concatenate(list(sound(tmp_path / "both.ts")))
    assert len(samples) / SAMPLE_RATE == pytest.approx(8, abs=0.3)
    for begin, frequency in ((1, 440), (5, 880)):
        part = samples[begin * SAMPLE_RATE : (begin + 2) * SAMPLE_RATE]
        peak = np.abs(np.fft.rfft(part)).argmax() / 2
        assert peak == pytest.approx(frequency, abs=3)
