"""Containers, codecs and damage: what ffmpeg plays is kept."""

import subprocess

import av
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from stages.common.data.files import sha256
from stages.common.data.media import decoded
from stages.common.errors import Failed
from stages.videos.rules import probe

# What mp4 cannot hold, and what stays of it: (file, options of ffmpeg, ending).
KEPT = [
    ("vp8.webm", ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"], "webm"),
    ("theora.ogv", ["-c:v", "libtheora", "-c:a", "libvorbis"], "ogv"),
    ("wmv2.wmv", ["-c:v", "wmv2", "-c:a", "wmav2"], "wmv"),
    ("msmpeg4.avi", ["-c:v", "msmpeg4", "-c:a", "libmp3lame"], "avi"),
    ("flv1.flv", ["-c:v", "flv", "-c:a", "libmp3lame", "-ar", "44100"], "flv"),
    ("mpeg4.mkv", ["-c:v", "msmpeg4v2", "-c:a", "pcm_s16le"], "mkv"),
]
MADE_MP4 = [
    ("h264.mkv", ["-c:v", "libx264", "-c:a", "flac"]),
    ("vp9.webm", ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"]),
    ("mpeg2.ts", ["-c:v", "mpeg2video", "-c:a", "mp2"]),
    ("program.mpg", ["-c:v", "mpeg2video", "-c:a", "mp2"]),
    ("xvid.avi", ["-c:v", "mpeg4", "-bf", "2", "-c:a", "libmp3lame"]),
    ("prores.mov", ["-c:v", "prores_ks", "-c:a", "pcm_s16le"]),
]


def ffmpeg(*options):
    subprocess.run([get_ffmpeg_exe(), "-v", "error", "-y", *map(str, options)], check=True)


def pictures(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.fixture
def encoded(film, tmp_path, catalog):
    """Encode a film of 4 s with other options; return its path in the catalog."""

    def encode(name, options):
        target = tmp_path / "catalog" / name
        source = film("source.mp4", seconds=4)
        target.parent.mkdir(exist_ok=True)
        ffmpeg("-i", source, *options, target)
        catalog(videos=[name])
        return target

    return encode


@pytest.mark.parametrize(("name", "options", "ending"), KEPT, ids=[name for name, _, _ in KEPT])
def test_what_mp4_cannot_hold_keeps_its_container(encoded, run_videos, name, options, ending):
    source = encoded(name, options)
    status, table, _ = run_videos(source.parent)
    assert status.status.tolist() == ["ok"], status.error.tolist()
    (row,) = table.itertuples()
    assert row.file == f"media/{source.stem}.{ending}"
    assert row.digest == sha256(source), "the same bytes"
    assert row.duration_s == pytest.approx(4, abs=0.3)
    assert pictures(f"data/videos/{row.file}") == pictures(source)


@pytest.mark.parametrize(("name", "options"), MADE_MP4, ids=[name for name, _ in MADE_MP4])
def test_what_mp4_can_hold_becomes_mp4(encoded, run_videos, name, options):
    source = encoded(name, options)
    status, table, _ = run_videos(source.parent)
    assert status.status.tolist() == ["ok"], status.error.tolist()
    assert table.file.tolist() == [f"media/{source.stem}.mp4"]
    assert pictures(f"data/videos/media/{source.stem}.mp4") == pictures(source)


@pytest.mark.parametrize("name", ["liar.mp4", "no ending"])
def test_a_name_that_does_not_say_the_container_gives_mkv(encoded, run_videos, name):
    source = encoded("vp8.webm", KEPT[0][1])
    source = source.rename(source.with_name(name))
    (source.parent / "videos.txt").write_text(name)
    (file,) = run_videos(source.parent)[1].file
    assert file.endswith(".mkv")
    assert pictures(f"data/videos/{file}") == pictures(source)


def test_a_container_that_changes_leaves_no_file_behind(encoded, run_videos):
    source = encoded("talk.webm", KEPT[0][1])
    run_videos(source.parent)
    ffmpeg("-i", source.parent.parent / "source.mp4", *MADE_MP4[1][1], source)
    assert run_videos(source.parent)[1].file.tolist() == ["media/talk.mp4"]
    assert sorted(path.name for path in (source.parent.parent / "data/videos/media").iterdir()) == [
        "talk.json",
        "talk.mp4",
    ]


def slow_at_the_end(source, target):
    """Variable frame rate: the last picture stands for half of the film."""
    ffmpeg("-i", source, "-vf", "select='lt(t,3)+eq(n,75)'", "-fps_mode", "vfr", "-c:a", "copy", target)


def sound_longer(source, target):
    ffmpeg("-i", source, "-filter:v", "trim=0:3,setpts=PTS-STARTPTS", "-c:a", "copy", target)


def picture_longer(source, target):
    ffmpeg("-i", source, "-filter:a", "atrim=0:3", "-c:v", "copy", target)


def cut_in_front(source, target):
    """Cut without encoding anew: packets before the beginning are there, and an edit list hides them."""
    ffmpeg("-ss", "2.5", "-i", source, "-c", "copy", target)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize("make", [slow_at_the_end, sound_longer, picture_longer, cut_in_front])
def test_a_whole_recording_is_not_called_truncated(film, tmp_path, make, ending):
    make(film("source.mp4", seconds=8), tmp_path / f"whole.{ending}")
    assert probe(tmp_path / f"whole.{ending}")["has_audio"]


@pytest.mark.parametrize("shape", ["interleaved", "sound first"])
def test_a_truncated_recording_is(film, tmp_path, shape):
    source = film("source.mp4", seconds=8)
    options = [] if shape == "interleaved" else ["-max_interleave_delta", "0", "-frag_duration", "8000000"]
    ffmpeg("-i", source, "-c", "copy", *options, "-movflags", "+faststart", tmp_path / "front.mp4")
    data = (tmp_path / "front.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(Failed) as failed:
        probe(tmp_path / "cut.mp4")
    assert failed.value.reason in ("truncated", "unreadable")


def test_a_recording_without_a_length_in_its_header_has_that_of_its_packets(film, tmp_path):
    """As browsers record: to a pipe, in which nothing can be written afterwards."""
    options = ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-f", "webm", "pipe:1"]
    command = [get_ffmpeg_exe(), "-v", "error", "-i", film("source.mp4", seconds=4), *options]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    (tmp_path / "piped.webm").write_bytes(data)
    assert probe(tmp_path / "piped.webm")["duration_s"] == pytest.approx(4, abs=0.2)


def damage(path, kind, at):
    """Overwrite the payload of the packet of a stream that is shown at `at` seconds."""
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        found = next(
            packet
            for packet in container.demux(stream)
            if packet.pts is not None and packet.pts * packet.time_base >= at
        )
        begin, size = found.pos, found.size
    data = bytearray(path.read_bytes())
    data[begin : begin + size] = b"\xff" * size
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_a_damaged_packet_costs_only_itself(film, tmp_path, kind, caplog):
    path = film("film.mp4", seconds=6)
    with av.open(str(path)) as container:
        whole = sum(1 for _ in container.decode(**{kind: 0}))
    damage(path, kind, 3)
    assert probe(path)["duration_s"] == pytest.approx(6, abs=0.2)
    with av.open(str(path)) as container:
        found = list(decoded(container, getattr(container.streams, kind)[0]))
    assert whole * 0.9 < len(found) <= whole
    assert found[-1].time > 5.5
    if len(found) < whole:
        assert f"film.mp4: skipped 1 damaged packets of {kind}" in caplog.text


def test_damage_in_the_whole_of_a_stream_is_no_film(film, tmp_path):
    path = film("film.mp4", seconds=2)
    for at in range(50):
        damage(path, "video", at / 25)
    with av.open(str(path)) as container, pytest.raises(av.FFmpegError):
        list(decoded(container, container.streams.video[0]))
    with pytest.raises(Failed, match="film.mp4"):
        probe(path)
