"""Damage and changes within a video: the reader goes on, as ffmpeg does."""

import subprocess

import av
import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from recording import noise, record

from stages.common.errors import Failed
from stages.keyframes.reader import VideoReader, clean_image


def ffmpeg(*options):
    subprocess.run([get_ffmpeg_exe(), "-v", "error", "-y", *map(str, options)], check=True)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_damaged_packet_does_not_end_the_video(tmp_path, threads):
    path = record(tmp_path / "film.mp4", noise(100), sound=True)
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][50]
    data = bytearray(path.read_bytes())
    data[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path.write_bytes(data)
    reader = VideoReader(path, threads)
    times = [frame.time for frame in reader]
    assert len(times) >= 90
    assert times == sorted(set(times))
    assert reader.end == pytest.approx(4.0)


def test_a_video_of_damaged_packets_alone_fails(tmp_path):
    path = record(tmp_path / "film.mp4", noise(10))
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for packet in packets:
        data[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path.write_bytes(data)
    with pytest.raises(Failed, match=r"film.mp4 cannot be decoded at all") as failed:
        list(VideoReader(path, 1))
    assert failed.value.reason == "undecodable"


@pytest.mark.parametrize("change", [["-vf", "scale=320:192"], ["-pix_fmt", "yuv444p"]], ids=["size", "format"])
def test_frames_after_a_change_are_like_the_first(tmp_path, change):
    """A recording that goes on in another size or format: as ffmpeg, with the size of the first frames."""
    picture = np.add.outer(np.arange(96), np.arange(160)).astype(np.uint8)
    source = record(tmp_path / "still.mp4", [np.stack([picture, picture // 2, 200 - picture // 2], -1)] * 50)
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "repeat-headers=1", "-f", "mpegts"]
    ffmpeg("-i", source, *encoder, tmp_path / "1.ts")
    ffmpeg("-i", source, *change, *encoder, "-output_ts_offset", "2", tmp_path / "2.ts")
    (tmp_path / "both.ts").write_bytes((tmp_path / "1.ts").read_bytes() + (tmp_path / "2.ts").read_bytes())
    frames = list(VideoReader(tmp_path / "both.ts", 1))
    assert len(frames) == pytest.approx(100, abs=2)
    assert {(f.picture.width, f.picture.height, f.picture.format.name) for f in frames} == {(160, 96, "yuv420p")}
    image = clean_image([frames[n].picture for n in (10, 30, 60, 80, 90)])
    ffmpeg("-i", tmp_path / "both.ts", "-frames:v", "1", tmp_path / "first.png")
    with av.open(str(tmp_path / "first.png")) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(image.astype(int) - first).mean() < 3
