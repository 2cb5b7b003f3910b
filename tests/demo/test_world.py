"""The demo world repeats from its seed, is labelled rightly, and keeps its sides apart."""

import numpy as np
import pandas as pd
import pytest

from stages.common.data.files import sha256
from stages.common.frame_filter.prediction import FLAGS
from stages.demo import evalsets, frames, scales, script
from stages.demo.captioned import copied, make, tissues
from stages.demo.render import CANVAS, render, shoot
from stages.demo.tissue import PAINTERS, paint
from stages.frame_filter.labels import read_labels


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("tissue", sorted(PAINTERS))
def test_tissue_repeats_from_its_seed_and_differs_between_seeds(tissue):
    first = paint(tissue, 200, 260, rng(1))
    assert first.shape == (200, 260, 3)
    assert first.dtype == np.uint8
    assert (first == paint(tissue, 200, 260, rng(1))).all()
    assert (first != paint(tissue, 200, 260, rng(2))).mean() > 0.5
    assert first.std() > 3


def test_the_small_world_is_as_large_as_promised():
    rows = script.cast("small")
    assert sum(not decoy for *_, decoy in rows) >= 14
    assert sum(bool(decoy) for *_, decoy in rows) >= 6
    assert len({tissue.split(":")[0] for _, _, classes, decoy in rows if not decoy for tissue in classes}) >= 10
    assert len({field for _, field, _, decoy in rows if not decoy}) >= 4
    assert (CANVAS[0] >= script.HEIGHT * 2) and (CANVAS[1] >= script.WIDTH * 2)


@pytest.mark.slow
def test_scripts_hold_move_and_point_within_bounds():
    for row in script.cast("small")[:3]:
        plan = script.write(*row, seed=0, holds=2)
        assert 40 <= plan.now <= 90
        assert plan.shots[0].start == 0
        assert all(a.end == b.start for a, b in zip(plan.shots, plan.shots[1:], strict=False))
        holds = [shot.end - shot.start for shot in plan.shots if shot.kind == "hold"]
        assert min(holds) >= 2
        assert max(holds) <= 14
        assert plan.gestures
        assert all(g.x - g.radius > 0 and g.x + g.radius < script.WIDTH for g in plan.gestures)
        assert {line.kind for line in plan.lines} == {"medical", "roi", "other"}
        assert all(line.start + len(line.speech.samples) / 24000 <= plan.now for line in plan.lines)


@pytest.mark.slow
def test_a_film_is_the_same_bytes_each_time_and_what_its_script_says(tmp_path):
    import av

    row = next(row for row in script.cast("small") if row[3] == "short")
    for name in ("one", "two"):
        plan = script.write(*row, seed=0, holds=1)
        shoot(plan, tmp_path / f"{name}.mp4")
    assert sha256(tmp_path / "one.mp4") == sha256(tmp_path / "two.mp4")
    with av.open(str(tmp_path / "one.mp4")) as film:
        video, sound = film.streams.video[0], film.streams.audio[0]
        assert (video.width, video.height, video.codec.name, float(video.average_rate)) == (1280, 720, "h264", 25)
        assert sound.codec.name == "aac"
        assert sum(1 for _ in film.decode(video=0)) == round(plan.now * 25)


def test_zooming_out_shows_more_of_the_slide():
    import cv2

    slide = paint("cartilage", *CANVAS, rng(3))
    half = cv2.resize(slide, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    near, far = (render(slide, half, script.SlideView(0, 0.5, 0.5, scale)) for scale in (0.5, 2.0))
    assert near.shape == far.shape == (720, 1280, 3)
    middle = far[360 - 90 : 360 + 90, 640 - 160 : 640 + 160].astype(int)
    shrunk = cv2.resize(near, (320, 180), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(middle - shrunk).mean() < 12


@pytest.mark.slow
def test_labelled_frames_have_both_labels_and_many_sources(finished):
    table, images = read_labels(finished / "data/demo/frames")
    assert len(images) == len(table)
    assert set(table.label) == {"histology", "other"}
    both = table.groupby("source").label.nunique() == 2
    assert set(both[both].index) == {f"real_{name}" for name in frames.REAL}, "tissue, and its fluorescence"
    taught = table.groupby("label")[list(FLAGS)].max().max()
    assert (taught == 1).all(), "each flag is shown by some frame"


def test_tissue_of_known_scale_is_real_and_drawn_and_repeats(tmp_path, monkeypatch):
    monkeypatch.setattr(scales, "PAINTERS", ("stroma",))
    for name in ("a", "b"):
        scales.make_scales(tmp_path / name, seed=0, jobs=1)
    table = pd.read_csv(tmp_path / "a" / "scales.csv")
    assert set(table.source.str.split("_").str[0]) == {"real", "drawn"}
    assert table.source.nunique() == len(table) - 1, "two images are of one laboratory"
    assert table.set_index("file").um_per_pixel["real_skin.jpg"] == 0.499, "as its slide says"
    for file in ("scales.csv", *table.file):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_evalsets_repeat_and_no_tile_is_in_both_sides(tmp_path, monkeypatch):
    from stages.common.evalsets.protocol import load_protocol, read_evalset

    monkeypatch.setitem(evalsets.COUNTS, "tiny", (1, 2, 1))
    for name in ("one", "two"):
        evalsets.make_evalsets(tmp_path / name, "tiny", seed=0, jobs=2)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert all(sha256(tmp_path / "one" / f) == sha256(tmp_path / "two" / f) for f in files)
    hashes = [sha256(tmp_path / "one" / f) for f in files if "BACK" not in f.parts]
    assert len(hashes) == len(set(hashes))
    for name, one in load_protocol("protocols/demo.yaml").evalsets.items():
        table = read_evalset(tmp_path / "one", name, one)
        assert table.groupby("label").size().nunique() == 1
        assert set(table.label) - {-1} == set(range(len(one.classes))) or one.pairs


def test_captioned_images_name_what_they_show_and_resaving_keeps_it_alike():
    from stages.common.data.pictures import decode
    from stages.demo.script import narration
    from stages.fingerprints.work import perceptual_hashes

    one, other = make("pubmed", 3, 0), make("pubmed", 4, 0)
    assert one == make("pubmed", 3, 0)
    words = narration()["tissues"][one.tissue]
    assert any(
        text.lower() in one.caption.lower() for text in (words["name"], *words["statements"], *words["features"])
    )
    images = (one.image, copied(one.image, "recompressed", rng()), other.image)
    hashes = np.stack([np.frombuffer(perceptual_hashes(decode(image))[0], np.uint8) for image in images])
    near, far = np.bitwise_count(hashes[:1] ^ hashes[1:]).sum(1, dtype=int)
    assert near <= 24 < far


def test_what_one_source_alone_shows_is_nowhere_else():
    tree = script.narration()
    visited = {name.split(":")[0] for _, *names in tree["videos"] for name in names}
    for tissue, place in tree["only_in"].items():
        shown = {source for source in ("pubmed", "openpath", "laion", "table") if tissue in tissues(source)}
        assert shown | ({"quilt"} if tissue in visited else set()) == {place}
    assert len(set(tissues("pubmed"))) >= 18


def test_narration_speaks_of_every_tissue_that_videos_visit():
    tree = script.narration()
    visited = {name.split(":")[0] for _, *names in tree["videos"] for name in names}
    assert visited <= set(tree["tissues"])
