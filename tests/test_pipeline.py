"""The DVC repository itself: what dvc.yaml says, and what runs when something changes."""

import ast
import json
import re
import shutil

import pandas as pd
import pytest
from conftest import ROOT
from scratch import Scratch

from stages.common.data.files import read_yaml, sha256

KEPT = ("embeddings", "preflight")  # what was embedded is kept by key
PER_VIDEO = ("videos", "keyframes", "transcripts", "rois", "captions")
# How a stage starts, what it is up to date with and how it reports changes no output.
NOT_IN_DEPS = {"cli.py", "code.py", "dependencies.py", "errors.py", "forced.py", "logs.py", "named.py"}
MEASURED = [f"evaluation@{task}" for task in ("zero_shot", "linear_probe", "retrieval", "few_shot")]
TUNED = ["quiltnet", "embeddings", "search", *MEASURED, "report"]


def stages():
    """(name, definition) of every stage, foreach ones by their template."""
    for file in ("dvc.yaml", "data/demo/dvc.yaml"):
        for name, stage in read_yaml(ROOT / file)["stages"].items():
            yield name, stage.get("do", {}) | stage


def imported(path):
    """The modules of this repository that the module at `path` names, packages by their __init__.py."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for place in (ROOT / name.replace(".", "/") for name in names if name.startswith("stages.")):
            yield from (one for one in (place.with_suffix(".py"), place / "__init__.py") if one.is_file())


def closure(start):
    """The modules at `start` and all that they need of this repository, as paths from its root."""
    queue, seen = list(start), set()
    while queue:
        if (path := queue.pop()) not in seen:
            seen.add(path)
            queue += (one for one in imported(path) if one.name not in NOT_IN_DEPS)
    return {path.relative_to(ROOT).as_posix() for path in seen}


def below(dep):
    """The modules that a dependency stands for."""
    place = ROOT / dep
    return {place} if place.suffix == ".py" else set(place.rglob("*.py"))


def variants(stage):
    """(code it needs, code it depends on) of the stage, or of each of a template's: its package, and of a package with
    parts its __main__.py and the part it is called with."""
    own = ROOT / stage["cmd"].split()[2].replace(".", "/")
    deps = [dep for dep in stage["deps"] if dep.startswith("stages/") and "configs" not in dep]
    if isinstance(members := stage.get("foreach", [""]), str):  # of a user's own: what all members share
        yield closure([own / "__main__.py"]), set(deps)
        return
    for key in members:
        part = [own / "__main__.py", *below(own / key)] if key and (own / key).is_dir() else below(own)
        yield closure(part), {re.sub(r"\$\{(key|item)\}", key, dep) for dep in deps}


@pytest.mark.parametrize(("name", "stage"), stages(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_stage_has_a_description_and_depends_on_its_own_code(name, stage):
    def stands_for(dep, path):
        return path == dep or path.startswith(f"{dep}/")

    assert stage["desc"].endswith(".")
    assert not any(" " in dep for dep in stage["deps"])
    if name == "preflight":  # it looks at the schema of every block, which it finds by name
        stage["deps"] = [dep for dep in stage["deps"] if not dep.endswith("/params.py")]
    found = list(variants(stage))
    for needed, deps in found:
        loud = {path for path in needed if path != "stages/common/stage/params.py"}  # parameters count by their values
        missing = {path for path in loud if (ROOT / path).read_text() and not any(stands_for(d, path) for d in deps)}
        assert missing == set()
        others = set.union(*(needed for needed, _ in found))  # what parts share of stages/common is one list
        surplus = {d for d in deps if not any(stands_for(d, path) for path in (others if "/common/" in d else needed))}
        assert surplus == set()
    for metric in stage.get("metrics", []):
        assert next(iter(metric.values())) == {"cache": False}


def test_what_fills_the_folders_of_sources_is_no_part_of_reading_them():
    template = dict(stages())["sources"]
    for needed, deps in variants(template):
        assert not {"stages/sources/search.py", "stages/sources/hydrate.py"} & (needed | deps)
        assert "stages/sources" not in deps


def test_stage_names_are_packages_blocks_and_outputs_of_incremental_stages_persist():
    params = read_yaml(ROOT / "params.yaml")
    for name, stage in read_yaml(ROOT / "dvc.yaml")["stages"].items():
        assert (ROOT / "stages" / name.removesuffix("_more") / "__main__.py").exists()
        assert name.removesuffix("_more") in params or name == "preflight"
        persisted = [
            out for out in stage.get("outs", []) if isinstance(out, dict) and "persist" in next(iter(out.values()))
        ]
        assert bool(persisted) == (name in (*PER_VIDEO, *KEPT))


def files(folder, outputs):
    """The digest of every file of outputs, by its path."""
    found = (path for out in outputs for path in (folder / out, *(folder / out).rglob("*")) if path.is_file())
    return {path.relative_to(folder): sha256(path) for path in found}


@pytest.mark.slow
@pytest.mark.timeout(1200)
class TestRun:
    """A run at tiny size, and what happens after it. Outputs are hard links to DVC's cache."""

    @pytest.fixture(autouse=True, scope="class")
    def links(self, scratch):
        scratch.link("hardlink")

    def test_a_second_run_runs_nothing(self, scratch):
        assert scratch.ran("dvc", "repro")[0] == []

    def test_another_clone_pulls_all_of_it_and_runs_nothing(self, scratch, tmp_path):
        scratch.call("git", "add", "-A")
        scratch.call("git", "commit", "-qm", "made")
        scratch.call("git", "clone", "-q", str(scratch.folder), str(tmp_path / "clone"))
        scratch.call("dvc", "push", "-q")
        (tmp_path / "quilt1m-remote").symlink_to(scratch.folder.parent / "quilt1m-remote")  # ours, beside the clone
        other = Scratch(tmp_path / "clone")
        other.call("dvc", "config", "--local", "cache.type", "hardlink")
        other.call("dvc", "pull", "-q")
        assert other.ran("dvc", "repro")[0] == []
        assert other.lock() == scratch.lock()
        outputs = [out["path"] for stage in scratch.lock().values() for out in stage.get("outs", [])]
        assert files(scratch.folder, outputs) == files(other.folder, outputs)

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
        tiles = {
            sha256(p)
            for p in (scratch.folder / "data/demo/evalsets").rglob("*")
            if p.suffix in (".tif", ".jpg", ".jpeg")
        }
        others = [p for part in ("frames", "exports") for p in (scratch.folder / "data/demo" / part).rglob("*.jpg")]
        assert not tiles & {sha256(p) for p in others}

    def test_parameters_of_a_stage_run_only_what_depends_on_it(self, scratch):
        """A source is left out of training, without packing anew, and a rate is another."""
        before = scratch.metrics("quiltnet")["images"]
        changes = ("-S", "quiltnet.lr=0.0005", "-S", "quiltnet.subset='source != \"laion\"'")
        ran, _ = scratch.ran("dvc", "exp", "run", *changes)
        assert sorted(ran) == sorted(["preflight", *TUNED])
        table = pd.read_parquet(scratch.folder / "data/dataset/pairs.parquet")
        learnt = table[(table.split == "train") & (table.source != "laion")]
        assert scratch.metrics("quiltnet")["images"] == learnt.image.nunique() < before
        diff = json.loads(scratch.call("dvc", "params", "diff", "--json"))
        assert diff["params.yaml"]["quiltnet.lr"] == {"old": 0.001, "new": 0.0005, "diff": -0.0005}
        assert "val_loss" in scratch.call("dvc", "metrics", "diff", "--md", "--all")
        assert scratch.call("dvc", "plots", "show", "--json")
        assert "quiltnet" in scratch.call("dvc", "dag", "--mermaid")

    def test_another_protocol_measures_the_same_models_anew(self, scratch):
        before = scratch.metrics("zero_shot")
        protocol = "evaluation.protocol=protocols/demo_plain.yaml"
        ran, _ = scratch.ran("dvc", "exp", "run", "-S", protocol, "evaluation@zero_shot")
        first = ["preflight", "fingerprints", "embeddings", "evaluation@zero_shot"]
        assert sorted(ran) == sorted(first), "no set and no image is another"
        left = json.loads(scratch.call("dvc", "status", "--json"))
        assert sorted(left) == sorted({*TUNED} - {"quiltnet", "search", *first}), "the others follow"
        after = scratch.metrics("zero_shot")
        assert after["protocol"]["digest"] != before["protocol"]["digest"]
        assert len(after["tuned"]["nct_crc"]["recall"]) == len(before["tuned"]["nct_crc"]["recall"]) + 1

    def test_what_was_run_before_comes_from_the_run_cache(self, scratch):
        first = ("evaluation.protocol=protocols/demo.yaml", "quiltnet.subset=", "quiltnet.lr=0.001")
        changes = [word for change in first for word in ("-S", change)]
        ran, _ = scratch.ran("dvc", "exp", "run", *changes, "fingerprints", "quiltnet")
        assert ran == ["preflight"]

    def test_one_more_video_is_one_item_in_each_per_video_stage(self, scratch):
        mine = scratch.folder / "catalogs" / "mine"
        shutil.copytree(scratch.folder / "data/demo/catalog", mine, copy_function=shutil.copyfile)
        source = sorted((mine / "media").glob("demo00*.mp4"))[0]
        empty_box = b"\0\0\0\x08free"  # another file of the same film: equal files are duplicates
        (mine / "media" / "zz_new.mp4").write_bytes(source.read_bytes() + empty_box)
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

    @pytest.mark.parametrize(
        ("path", "stale"),
        [("search.py", []), ("hydrate.py", []), ("api.py", []), ("laion/download.py", ["sources@laion"])],
    )
    def test_an_edit_of_one_source_or_of_what_fills_folders_leaves_the_others_alone(self, scratch, path, stale):
        file = scratch.folder / "stages/sources" / path
        before = file.read_text()
        file.write_text(f"{before}\n\nMORE = 1\n")
        names = [f"sources@{key}" for key in ("pubmed", "openpath", "laion", "table")]
        assert list(json.loads(scratch.call("dvc", "status", "--json", *names))) == stale
        file.write_text(before)

    def test_no_stage_has_written_into_the_cache(self, scratch):
        """Outputs are hard links to it, in which a stage that wrote into a file that is there would change it."""
        assert scratch.damaged_objects() == []
        assert (scratch.folder / "models/quiltnet/README.md").stat().st_nlink > 1
