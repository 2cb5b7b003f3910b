"""The last picture stands while there is sound."""

import av
import numpy as np
import pytest
from recording import noise, record

from stages.keyframes.reader import VideoReader


def with_sound(path, picture_s, sound_s):
    """Record `picture_s` seconds of picture and `sound_s` of sound."""
    record(path.with_name("picture.mp4"), noise(round(10 * picture_s)), fps=10)
    with av.open(str(path.with_name("picture.mp4"))) as source, av.open(str(path), "w") as out:
        picture = source.streams.video[0]
        video, audio = out.add_stream_from_template(picture), out.add_stream("aac", rate=16000, layout="mono")
        for packet in source.demux(picture):
            if packet.dts is not None:
                packet.stream = video
                out.mux(packet)
        for number in range(int(sound_s * 16000 / 1024)):
            heard = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            heard.sample_rate, heard.pts = 16000, number * 1024
            out.mux(audio.encode(heard))
        out.mux(audio.encode(None))
    return path


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv"])
@pytest.mark.parametrize(("sound_s", "end"), [(9.0, 9.0), (4.2, 4.0), (2.0, 4.0)])
def test_a_video_ends_with_its_longest_stream(tmp_path, name, sound_s, end):
    reader = VideoReader(with_sound(tmp_path / name, 4.0, sound_s), 1)
    assert len(list(reader)) == 40
    assert reader.end == pytest.approx(end, abs=0.15)
