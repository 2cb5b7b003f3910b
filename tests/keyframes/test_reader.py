"""Reading videos of every kind, and clean images."""

import subprocess

import av
import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from recording import noise, record

from stages.common.errors import Failed, Rejected
from stages.keyframes import reader
from stages.keyframes.reader import VideoReader, clean_image, median, upright_point


def ffmpeg(source, target, *options, before=()):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *before, "-i", str(source), *options, str(target)]
    subprocess.run(command, check=True)
    return target


@pytest.fixture
def clip(tmp_path):
    return record(tmp_path / "clip.mp4", noise(50), sound=True)


@pytest.mark.parametrize("threads", [1, 2])
def test_frames_come_in_order_with_their_times(clip, threads):
    video = VideoReader(clip, threads)
    frames = list(video)
    assert [frame.time for frame in frames] == pytest.approx([n / 25 for n in range(50)])
    assert video.end == pytest.approx(2.0)
    assert frames[0].grey(640).shape == (96, 160), "small frames are not enlarged"
    assert frames[0].grey(80).shape == (48, 80)


def test_grey_and_colour_are_those_of_ffmpeg(clip, tmp_path):
    reference = cv2.imread(str(ffmpeg(clip, tmp_path / "first.png", "-frames:v", "1")), cv2.IMREAD_COLOR_RGB)
    first = next(iter(VideoReader(clip, 1)))
    assert np.abs(first.rgb(160).astype(int) - reference).mean() < 1.5
    luma = (cv2.cvtColor(reference, cv2.COLOR_RGB2GRAY).astype(float) * 219 / 255 + 16).round()
    assert np.abs(first.grey(160) - luma).mean() < 3


def truncated(clip, tmp_path):
    target = tmp_path / "cut.mkv"
    ffmpeg(clip, tmp_path / "whole.mkv", "-c", "copy")
    target.write_bytes((tmp_path / "whole.mkv").read_bytes()[:40_000])
    return target


def zero_bytes(clip, tmp_path):
    (tmp_path / "none.mp4").touch()
    return tmp_path / "none.mp4"


def no_index(clip, tmp_path):
    """The moov atom is at the end; a download that stopped lacks it."""
    (tmp_path / "moov.mp4").write_bytes(clip.read_bytes()[:-3000])
    return tmp_path / "moov.mp4"


def only_sound(clip, tmp_path):
    return ffmpeg(clip, tmp_path / "sound.mp4", "-vn", "-c", "copy")


@pytest.mark.parametrize("spoil", [zero_bytes, no_index, only_sound])
def test_what_cannot_be_opened_fails_with_its_name(clip, tmp_path, spoil):
    path = spoil(clip, tmp_path)
    with pytest.raises(Failed, match=rf"{path.name} holds no readable video") as error:
        list(VideoReader(path, 1))
    assert error.value.reason == "unreadable"


def test_a_truncated_video_gives_what_it_has(clip, tmp_path):
    video = VideoReader(truncated(clip, tmp_path), 1)
    assert 0 < len(list(video)) < 50
    assert video.end < 2


def test_variable_frame_rates_keep_their_times(tmp_path):
    times = [0.0, 0.04, 0.5, 0.54, 3.0, 3.04]
    path = record(tmp_path / "vfr.mp4", noise(6), times=times)
    assert [frame.time for frame in VideoReader(path, 1)] == pytest.approx(times, abs=0.002)


@pytest.mark.parametrize("offset", [-1.5, 7])
def test_times_count_from_the_beginning_of_the_file(clip, tmp_path, offset):
    """Sound and picture share one clock, which may begin before or after zero."""
    options = ("-c", "copy", "-avoid_negative_ts", "disabled", "-output_ts_offset", str(offset))
    path = ffmpeg(clip, tmp_path / "late.mkv", *options)
    with av.open(str(path)) as container:
        begin = container.start_time / av.time_base
        wanted = [frame.time - begin for frame in container.decode(video=0) if frame.pts is not None]
    times = [frame.time for frame in VideoReader(path, 1)]
    assert begin == pytest.approx(offset, abs=0.1)
    assert times == pytest.approx(wanted)
    assert times[0] >= 0
    assert np.diff(times) == pytest.approx(0.04, abs=0.002)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotated_videos_are_seen_upright(tmp_path, turn):
    picture = np.zeros((96, 160, 3), np.uint8)
    picture[:20, :20] = 255
    source = record(tmp_path / "flat.mp4", [picture] * 5)
    path = ffmpeg(source, tmp_path / "turned.mp4", "-c", "copy", before=("-display_rotation", str(turn)))
    reference = cv2.imread(str(ffmpeg(path, tmp_path / "seen.png", "-frames:v", "1")), cv2.IMREAD_COLOR_RGB)
    frames = list(VideoReader(path, 1))
    seen = clean_image([frame.picture for frame in frames])
    assert seen.shape == reference.shape
    assert np.abs(seen.astype(int) - reference).mean() < 3
    assert np.abs(frames[0].rgb(160).astype(int) - reference).mean() < 3
    x, y = upright_point(np.array([10 / 160]), np.array([10 / 96]), frames[0].picture.rotation)
    height, width = seen.shape[:2]
    assert seen[int(y[0] * height), int(x[0] * width)].min() > 200, "points turn with the picture"


def test_odd_sizes_and_ten_bits_are_read(tmp_path):
    odd = record(tmp_path / "odd.mkv", noise(5, 97, 161), codec="ffv1", pix_fmt="yuv420p")
    frames = list(VideoReader(odd, 1))
    assert clean_image([frame.picture for frame in frames]).shape == (97, 161, 3)
    deep = record(tmp_path / "deep.mkv", noise(5), codec="ffv1", pix_fmt="yuv420p10le")
    frames, plain = (
        list(VideoReader(deep, 1)),
        list(VideoReader(record(tmp_path / "plain.mkv", noise(5), codec="ffv1"), 1)),
    )
    assert np.abs(frames[0].grey(160).astype(float) - plain[0].rgb(160).mean(2)).mean() < 30
    assert clean_image([frame.picture for frame in frames]).shape == (96, 160, 3)


def test_hdr_and_huge_videos_are_rejected(tmp_path, monkeypatch):
    bright = record(tmp_path / "hdr.mp4", noise(3), color_trc=16, color_primaries=9, colorspace=9)
    with pytest.raises(Rejected, match="hdr"):
        list(VideoReader(bright, 1))
    monkeypatch.setattr(reader, "MAX_PIXELS", 100)
    with pytest.raises(Rejected, match="too_large"):
        VideoReader(record(tmp_path / "large.mp4", noise(3)), 1)


def test_a_gap_in_the_bytes_does_not_end_the_film(clip, tmp_path):
    data = bytearray(clip.read_bytes())
    middle = data.find(b"mdat") + 60_000
    data[middle : middle + 4000] = bytes(4000)
    (tmp_path / "gap.mp4").write_bytes(data)
    try:
        times = [frame.time for frame in VideoReader(tmp_path / "gap.mp4", 1)]
        assert times == sorted(set(times))
    except Failed as error:
        assert error.reason == "undecodable"
        assert "gap.mp4 cannot be decoded" in str(error)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 11])
def test_median_is_numpys(count):
    images = list(np.random.default_rng(count).integers(0, 255, (count, 37, 41, 3), dtype=np.uint8))
    assert (median(images) == np.sort(images, axis=0)[(count - 1) // 2]).all()
    if count % 2:
        assert (median(images) == np.median(images, axis=0)).all()


def test_the_clean_image_is_the_scene_without_its_cursor(tmp_path):
    from stages.demo.render import arrow
    from stages.demo.tissue import paint

    scene = paint("colon_mucosa", 360, 640, np.random.default_rng(0))
    frames = [arrow(scene, 100 + 40 * n, 60 + 20 * n) for n in range(11)]
    path = record(tmp_path / "pointing.mp4", frames, qmin=10, qmax=18)
    seen = clean_image([frame.picture for frame in VideoReader(path, 1)])
    assert cv2.PSNR(seen, scene) > 33
