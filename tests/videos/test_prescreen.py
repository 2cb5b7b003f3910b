"""Small copies are looked at before large ones are fetched; the stage as a whole."""

import cv2
import numpy as np
import pandas as pd
import pytest

from stages.common.data.files import read_json
from stages.common.frame_filter.prediction import Prediction
from stages.demo.tissue import paint
from stages.videos import __main__ as stage
from stages.videos import prescreen


class FakeFilter:
    threshold = 0.5

    def predict(self, images, flags=True):
        small = [cv2.resize(image, (4, 4), interpolation=cv2.INTER_AREA).ravel() for image in images]
        rows = np.array(small, np.float32).reshape(len(images), -1)
        colour = [float(np.ptp(image.reshape(-1, 3).mean(0)) > 20) for image in images]
        return Prediction(rows, np.array(colour, np.float32), {})


@pytest.fixture
def run_stage(tmp_path, monkeypatch, stage_params, base, params):
    """Run the stage on a catalog in tmp_path; return its metrics and table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(prescreen, "load_filter", lambda model, device: FakeFilter())
    model = {"digest": "a" * 64}
    for place in ("stages.videos.prescreen.filter_digest", "stages.videos.verdicts.filter_digest"):
        monkeypatch.setattr(place, lambda folder: model["digest"])
    rules = {"keyframes": stage_params("keyframes")}
    monkeypatch.setattr("stages.videos.verdicts.load_params", lambda name: (rules[name], base))

    def go(folder, **changes):
        rules = params.model_copy(update={"catalog": str(folder), "prescreen_height": 200, **changes})
        summary = stage.run(rules, base.model_copy(update={"max_failed": 1.0}))
        return (
            read_json(tmp_path / "reports/metrics/videos.json"),
            pd.read_parquet("data/videos/videos.parquet"),
            summary,
        )

    go.model, go.rules = model, rules
    return go


@pytest.fixture
def tissue():
    return [paint("colon_mucosa", 80, 128, np.random.default_rng(0))] * 40


@pytest.fixture
def grey():
    return [np.full((80, 128, 3), 10 * n, np.uint8) for n in range(20) for _ in range(2)]


def test_only_what_passes_in_small_is_fetched_in_full(run_stage, catalog, site, tissue, grey, tmp_path):
    links = [site.two_copies("lecture", tissue), site.two_copies("cooking", grey)]
    metrics, table, _ = run_stage(catalog(videos=links))
    assert metrics["reasons"] == {"no_histology": 1}
    assert table.height.tolist() == [480]
    assert [path for path in site.asked if "cooking/large" in path] == [], "the large copy was never asked for"
    assert any("lecture/large" in path for path in site.asked)
    (verdict,) = (tmp_path / "data/videos/prescreened").glob("*.json")
    assert read_json(verdict)["histology"] == 1
    rejected = pd.read_parquet("data/videos/prescreened/manifest.parquet").set_index("status").loc["rejected"]
    assert rejected.error == "histology 0.000, narrative 0.000, filter aaaaaaaaaaaa"
    assert not (tmp_path / "data/videos/.partial").exists()


def test_a_second_run_asks_for_nothing_and_says_which_verdicts_are_old(run_stage, catalog, site, tissue, grey, capsys):
    folder = catalog(videos=[site.two_copies("lecture", tissue), site.two_copies("cooking", grey)])
    run_stage(folder)
    site.asked.clear()
    capsys.readouterr()
    _, table, summary = run_stage(folder)
    assert summary["items"] == 0
    assert not [path for path in site.asked if path.endswith(".ts")]
    assert "earlier" not in capsys.readouterr().out
    run_stage.model["digest"] = "b" * 64
    assert run_stage(folder)[1].equals(table)
    assert (
        "2 verdicts are by an earlier frame filter; to renew them: rm -r data/videos/prescreened"
        in capsys.readouterr().out
    )


def test_a_single_copy_is_not_fetched_twice(run_stage, catalog, site, film):
    film("site/one.mp4")
    metrics, table, _ = run_stage(catalog(videos=[f"{site.url}/one.mp4"]))
    assert len(table) == 1
    assert site.asked["/one.mp4"] <= 5, "listing, two looks and one download; no second download"
    assert metrics["ok"] == 1


def test_withdrawn_videos_and_channels_disappear_and_may_come_back(run_stage, catalog, film, tmp_path):
    for seconds, name in enumerate(("one", "two", "three"), start=2):
        film(f"catalog/media/{name}.mp4", seconds=seconds)
    (tmp_path / "catalog/media/two.info.json").write_text('{"channel_id": "UCx"}')
    folder = catalog(videos=["media"])
    assert len(run_stage(folder)[1]) == 3
    catalog(withdrawn=["one", "UCx"])
    metrics, table, summary = run_stage(folder)
    assert table.video_id.tolist() == ["three"]
    assert metrics["reasons"] == {"withdrawn": 2}
    assert summary["items"] == 0, "the third is not fetched again"
    assert sorted(p.name for p in (tmp_path / "data/videos/media").iterdir()) == ["three.json", "three.mp4"]
    catalog(withdrawn=[])
    assert len(run_stage(folder)[1]) == 3


def test_a_channel_that_only_the_site_knows_is_withdrawn_too(run_stage, catalog, site, film, monkeypatch):
    """The channel shows only when the video's page is read."""
    film("site/one.mp4")
    folder = catalog(videos=[f"{site.url}/one.mp4"], withdrawn=["one"])
    metrics, table, _ = run_stage(folder)
    assert metrics["reasons"] == {"withdrawn": 1}
    assert table.empty
    assert site.asked["/one.mp4"] <= 2, "it was listed, never fetched"


def test_changed_rules_fetch_nothing_anew_that_still_passes(run_stage, catalog, site, tissue, film):
    film("site/brief.mp4", seconds=2)
    folder = catalog(videos=[site.two_copies("lecture", tissue), f"{site.url}/brief.mp4"])
    assert len(run_stage(folder)[1]) == 2
    site.asked.clear()
    metrics, table, summary = run_stage(folder, min_duration_s=5.0)
    assert table.video_id.tolist() == ["lecture"]
    assert metrics["reasons"] == {"too_short": 1}
    assert summary["items"] == 0
    assert not [path for path in site.asked if path.endswith(".ts")]
    status = pd.read_parquet("data/videos/status.parquet").set_index("id")
    assert status.loc["brief", ["status", "reason"]].tolist() == ["rejected", "too_short"]
    assert len(run_stage(folder)[1]) == 2, "a looser rule lets it in again"


def test_a_higher_bar_on_what_small_copies_show_asks_no_site(run_stage, catalog, site, tissue):
    folder = catalog(videos=[site.two_copies("lecture", tissue)])
    run_stage(folder)
    site.asked.clear()
    old = run_stage.rules["keyframes"]
    strict = old.prescreening.model_copy(update={"min_narrative": 1.1})
    run_stage.rules["keyframes"] = old.model_copy(update={"prescreening": strict})
    metrics, table, _ = run_stage(folder)
    assert table.empty
    assert metrics["reasons"] == {"not_narrative": 1}
    assert not [path for path in site.asked if path.endswith(".ts")]


def test_what_was_fetched_stays_while_the_site_is_in_trouble(run_stage, catalog, site, tissue):
    folder = catalog(videos=[site.two_copies("lecture", tissue)])
    before = run_stage(folder)[1]
    site.trouble["/lecture/small.m3u8"] = [503] * 99
    assert run_stage(folder, prescreen_height=150)[1].equals(before)
