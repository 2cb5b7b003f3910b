"""The DVC repository itself: what dvc.yaml says, and what runs when something changes."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT

from stages.common.files import read_yaml

KEPT = ("embeddings", "audit")  # what was embedded is kept by key; what experts wrote is theirs
PER_VIDEO = ("videos", "keyframes", "transcripts", "rois", "captions")
TUNED = ["quiltnet", "embeddings", "evaluation@zero_shot", "evaluation@linear_probe", "evaluation@retrieval", "report"]
NOT_IN_DEPS = {"cli.py", "errors.py", "params.py", "__init__.py"}  # how a stage starts and reports changes no output


def stages():
    """(name, definition) of every stage, foreach ones by their template."""
    for file in ("dvc.yaml", "data/demo/dvc.yaml"):
        for name, stage in read_yaml(ROOT / file)["stages"].items():
            yield name, stage.get("do", stage)


@pytest.mark.parametrize(("name", "stage"), stages(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_stage_has_a_description_and_depends_on_its_own_code(name, stage):
    from stages.common.code import sources

    package = stage["cmd"].split()[2]
    assert stage["desc"].endswith(".")
    own = {path.relative_to(ROOT).as_posix() for path in sources(package) if path.parent.name == "common"}
    wanted = {path for path in own if Path(path).name not in NOT_IN_DEPS} | {package.replace(".", "/")}
    assert wanted == {dep for dep in stage["deps"] if dep.startswith("stages/") and "configs" not in dep}
    for metric in stage.get("metrics", []):
        assert next(iter(metric.values())) == {"cache": False}


def test_stage_names_are_packages_blocks_and_outputs_of_incremental_stages_persist():
    params = read_yaml(ROOT / "params.yaml")
    for name, stage in read_yaml(ROOT / "dvc.yaml")["stages"].items():
        assert (ROOT / "stages" / name / "__main__.py").exists()
        assert name in params
        persisted = [
            out for out in stage.get("outs", []) if isinstance(out, dict) and "persist" in next(iter(out.values()))
        ]
        assert bool(persisted) == (name in (*PER_VIDEO, *KEPT))


class Scratch:
    """A clone of the working tree at tiny size, with DVC run by this interpreter."""

    def __init__(self, folder):
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file() and not name.endswith("dvc.lock"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        self.edit("size: small ", "size: tiny ")
        self.edit("epochs: 10", "epochs: 1")
        self.edit("variations: 3 ", "variations: 1 ")
        self.edit("bootstrap: 1000 ", "bootstrap: 50 ")
        self.edit("gallery: 24 ", "gallery: 4 ")
        self.call("git", "init", "-q")
        self.call("git", "add", "-A")
        self.call("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "scratch")

    def edit(self, old, new):
        text = (self.folder / "params.yaml").read_text()
        assert old in text, old
        (self.folder / "params.yaml").write_text(text.replace(old, new))

    def call(self, *command):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = {
            **os.environ,
            "PATH": path,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "t",
            "GIT_AUTHOR_EMAIL": "t@example.org",
            "GIT_COMMITTER_NAME": "t",
            "GIT_COMMITTER_EMAIL": "t@example.org",
        }
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def ran(self, *command):
        """Stages that a dvc command ran, in order, and its output."""
        out = self.call(*command)
        return [name.split(":")[-1] for name in re.findall(r"Running stage '([^']+)'", out)], out

    def metrics(self, name):
        return json.loads((self.folder / "reports" / "metrics" / f"{name}.json").read_text())

    def lock(self):
        return {
            name: stage
            for file in ("dvc.lock", "data/demo/dvc.lock")
            for name, stage in read_yaml(self.folder / file)["stages"].items()
        }


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """One full run at tiny size, shared by the tests below, which follow each other."""
    clone = Scratch(tmp_path_factory.mktemp("scratch"))
    ran, _ = clone.ran("dvc", "repro")
    assert len(ran) == 25, ran
    return clone


@pytest.mark.slow
@pytest.mark.timeout(1200)
class TestRun:
    """A run at tiny size, and what happens after it."""

    def test_a_second_run_runs_nothing(self, scratch):
        assert scratch.ran("dvc", "repro")[0] == []

    def test_every_decoy_is_dropped_for_its_reason(self, scratch):
        assert scratch.metrics("videos")["reasons"] == {"too_short": 1, "truncated": 1}
        assert scratch.metrics("keyframes")["reasons"] == {"no_histology": 1}
        assert scratch.metrics("transcripts")["reasons"] == {"no_speech": 1}

    def test_curation_agrees_with_the_gold_labels(self, scratch):
        audit = scratch.metrics("audit")
        assert audit["holds"]["f1"] > 0.85
        assert audit["asr"]["wer_raw"] < 0.2
        assert audit["pairs"]["precision"] > 0.75
        assert audit["terms"]["recall_clean"] >= audit["terms"]["recall_raw"]

    def test_training_and_test_worlds_are_disjoint(self, scratch):
        audit = scratch.metrics("audit")["leaks"]
        assert audit["flagged"] == audit["found"], "nothing but what was planted comes near a test image"
        table = pd.read_parquet(scratch.folder / "data/dataset/pairs.parquet")
        assert table[table.split != ""].groupby("group").split.nunique().max() == 1
        from stages.common.files import sha256

        tiles = {
            sha256(p)
            for p in (scratch.folder / "data/demo/evalsets").rglob("*")
            if p.suffix in (".tif", ".jpg", ".jpeg")
        }
        others = [p for part in ("frames", "exports") for p in (scratch.folder / "data/demo" / part).rglob("*.jpg")]
        assert not tiles & {sha256(p) for p in others}

    def test_one_parameter_runs_only_what_depends_on_it(self, scratch):
        ran, _ = scratch.ran("dvc", "exp", "run", "-S", "quiltnet.lr=0.0005")
        assert sorted(ran) == sorted(TUNED)
        diff = json.loads(scratch.call("dvc", "params", "diff", "--json"))
        assert diff["params.yaml"]["quiltnet.lr"] == {"old": 0.001, "new": 0.0005, "diff": -0.0005}
        assert "quiltnet" in scratch.call("dvc", "metrics", "diff", "--md", "--all")
        assert scratch.call("dvc", "plots", "show", "--json")
        assert "quiltnet" in scratch.call("dvc", "dag", "--mermaid")
        ran, _ = scratch.ran("dvc", "exp", "run", "-S", "quiltnet.lr=0.001")
        assert "quiltnet" not in ran, "the run cache has it"

    def test_a_source_is_left_out_of_training_without_packing_anew(self, scratch):
        before = scratch.metrics("quiltnet")["images"]
        ran, _ = scratch.ran("dvc", "exp", "run", "-S", "quiltnet.subset='source != \"laion\"'")
        assert sorted(ran) == sorted(TUNED)
        table = pd.read_parquet(scratch.folder / "data/dataset/pairs.parquet")
        learnt = table[(table.split == "train") & (table.source != "laion")]
        assert scratch.metrics("quiltnet")["images"] == learnt.image.nunique() < before

    def test_another_protocol_measures_the_same_models_anew(self, scratch):
        before = scratch.metrics("zero_shot")
        ran, _ = scratch.ran("dvc", "exp", "run", "-S", "evaluation.protocol=protocols/demo_plain.yaml")
        assert sorted(ran) == sorted(["fingerprints", *TUNED[1:]]), "no set and no image is another"
        after = scratch.metrics("zero_shot")
        assert after["protocol"]["digest"] != before["protocol"]["digest"]
        assert len(after["tuned"]["nct_crc"]["recall"]) == len(before["tuned"]["nct_crc"]["recall"]) + 1
        scratch.ran("dvc", "exp", "run", "-S", "evaluation.protocol=protocols/demo.yaml", "-S", "quiltnet.subset=")

    def test_one_more_video_is_one_item_in_each_per_video_stage(self, scratch):
        mine = scratch.folder / "catalogs" / "mine"
        shutil.copytree(scratch.folder / "data/demo/catalog", mine)
        source = sorted((mine / "media").glob("demo00*.mp4"))[0]
        shutil.copy(source, mine / "media" / "zz_new.mp4")
        sidecar = json.loads(source.with_suffix(".info.json").read_text())
        (mine / "media" / "zz_new.info.json").write_text(json.dumps(sidecar | {"id": "zz_new"}))
        with (mine / "videos.txt").open("a") as file:
            file.write("media/zz_new.mp4\n")
        scratch.edit("catalog: data/demo/catalog ", "catalog: catalogs/mine ")
        _, out = scratch.ran("dvc", "repro", "captions", "rois")
        retried = {"videos": 1}  # the truncated file failed and is tried again
        for stage in PER_VIDEO:
            done = int(re.search(rf"^{stage}: (\d+) items", out, re.M).group(1))
            assert done == 1 + retried.get(stage, 0), stage
        (mine / "withdrawn.txt").write_text("zz_new\n")
        scratch.ran("dvc", "repro", "captions", "rois")
        assert scratch.metrics("videos")["reasons"]["withdrawn"] == 1
        left = [path for path in (scratch.folder / "data").rglob("zz_new*") if "demo" not in path.parts]
        assert left == [], "a withdrawn video is gone everywhere"
        scratch.edit("catalog: catalogs/mine ", "catalog: data/demo/catalog ")
        scratch.ran("dvc", "repro", "captions", "rois")
        assert not (scratch.folder / "data/keyframes/zz_new.parquet").exists()

    def test_push_and_pull_share_what_was_made(self, scratch):
        scratch.call("dvc", "push", "-q", "lexicon", "frame_filter")
        shutil.rmtree(scratch.folder / "models" / "lexicon")
        shutil.rmtree(scratch.folder / ".dvc" / "cache")
        scratch.call("dvc", "pull", "-q", "lexicon")
        assert (scratch.folder / "models" / "lexicon" / "terms.parquet").exists()

    def test_a_run_from_scratch_elsewhere_gives_the_same_lock(self, scratch, tmp_path):
        other = Scratch(tmp_path)
        other.ran("dvc", "repro", "dataset", "rois", "lexicon")
        before, after = scratch.lock(), other.lock()
        assert set(after) >= {"videos", "keyframes", "transcripts", "captions", "pairs", "dataset"}
        for name, stage in after.items():
            assert stage == before[name], name


OWN = ("My lecture (1)", "Übung 2", "-third [x]")  # names of files as people have them


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_own_videos_end_in_a_report_that_says_nothing_of_a_demo(scratch, tmp_path):
    own = Scratch(tmp_path)
    mine = own.folder / "catalogs" / "mine"
    mine.mkdir(parents=True)
    films = sorted((scratch.folder / "data/demo/catalog/media").glob("demo0*.mp4"))
    for name, film in zip(OWN, films, strict=True):
        shutil.copy(film, mine / f"{name}.mp4")
    (mine / "videos.txt").write_text("".join(f"{name}.mp4\n" for name in OWN))
    ran, _ = own.ran("bash", "-c", "dvc exp run $(cat profiles/mine)")
    assert "report" in ran
    assert set(ran) & {"exports", "evalsets"} == set(), "nothing of the demo is made but the filter's frames"
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
    sample = own.folder / "reports/audit/sample.csv"
    table = pd.read_csv(sample, dtype=str, keep_default_na=False).assign(verdict="right")
    table.to_csv(sample, index=False)
    ran, _ = own.ran("dvc", "repro")
    assert sorted(ran) == ["audit", "report"]
    assert own.metrics("audit")["gold"] == {"videos": 1, "of": len(OWN)}
    assert own.metrics("audit")["sub_pathology"]["videos"] == 1
    assert (pd.read_csv(sample).verdict == "right").all()
