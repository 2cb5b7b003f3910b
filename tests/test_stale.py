"""Nothing is silently stale, and nothing is made anew without a reason: what `dvc repro` does after an edit.

The tests follow each other on one clone; each leaves it as it found it.
"""

import contextlib
import json
import re
import shutil

import pytest
from conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
TO_CAPTIONS = ("frame_filter", "videos", "keyframes", "transcripts", "rois", "captions")
PER_VIDEO = TO_CAPTIONS[1:]
CLEAN = "Data and pipelines are up to date."


@pytest.fixture(scope="module", autouse=True)
def up_to_date(scratch):
    """Begin where nothing is left to do and all is committed."""
    scratch.call("git", "add", "-A")
    scratch.call("git", "commit", "-qm", "up to date")
    assert CLEAN in scratch.call("dvc", "status")


@pytest.fixture
def edited(scratch):
    """Edit files for the length of a `with` block."""

    @contextlib.contextmanager
    def edit(*edits):
        before = {file: (scratch.folder / file).read_text() for file, _, _ in edits}
        try:
            for file, old, new in edits:
                scratch.edit(old, new, file)
            yield
        finally:
            for file, text in before.items():
                (scratch.folder / file).write_text(text)

    return edit


def captions(scratch):
    return {path.name: path.read_text() for path in sorted((scratch.folder / "data/captions").glob("*.json"))}


def test_a_data_file_inside_a_stage_makes_its_items_anew(scratch, edited):
    before = captions(scratch)
    with edited(("stages/captions/sub_pathologies.yaml", "Dermatopathology:", "Skin:")):
        ran, out = scratch.ran("dvc", "repro", "captions")
        assert (ran, scratch.items(out)) == (["captions"], {"captions": len(before)})
        assert any('"Skin"' in text for text in captions(scratch).values())
    scratch.ran("dvc", "repro", "captions")
    assert captions(scratch) == before


def test_words_for_people_make_nothing_anew_and_nothing_downstream_runs(scratch, edited):
    edits = (
        ("stages/common/stage/cli.py", "End the process with one line", "End the process, with one line"),
        ("stages/common/errors.py", "Errors that end a stage", "Errors which end a stage"),
        ("stages/common/data/files.py", "Hex sha256 of the file", "Hex SHA-256 of the file"),
        ("stages/common/models/weights.py", "no such file: check", "no such file; check"),
        ("stages/rois/work.py", "import numpy as np", "import numpy as np  # arrays"),
        ("stages/rois/__main__.py", "Trace the cursor in", "Trace cursors in"),
        ("stages/captions/sub_pathologies.yaml", "Dermatopathology:", "# skin\nDermatopathology:"),
    )
    lock = (scratch.folder / "dvc.lock").read_text()
    with edited(*edits):
        _, out = scratch.ran("dvc", "repro", "-s", *TO_CAPTIONS)  # and draw no world anew
        items = scratch.items(out)
        retried = {"videos": 1}  # the one that failed
        assert {name: items[name] for name in PER_VIDEO} == dict.fromkeys(PER_VIDEO, 0) | retried
        assert CLEAN in scratch.call("dvc", "status", *TO_CAPTIONS)
    (scratch.folder / "dvc.lock").write_text(lock)  # of before: no output is another
    assert CLEAN in scratch.call("dvc", "status", *TO_CAPTIONS)


def test_an_edit_of_a_worker_makes_its_items_anew_and_equal_files_nothing_else(scratch, edited):
    changed = ("stages/rois/work.py", "rows = []", "rows = list()")
    with edited(changed):
        ran, out = scratch.ran("dvc", "repro", "pairs")
        assert ran == ["rois"], "its files are the same bytes, so pairs has nothing to do"
        assert scratch.items(out)["rois"] == scratch.metrics("rois")["items"]
    ran, _ = scratch.ran("dvc", "repro", "pairs")
    assert ran == ["rois"]


def test_an_edit_of_main_runs_its_stage_and_makes_no_item_anew(scratch, edited):
    with edited(
        (
            "stages/captions/__main__.py",
            '"words": total["words"],',
            '"words": total["words"], "videos": fields.total(),',
        )
    ):
        ran, out = scratch.ran("dvc", "repro", "pairs")
        assert (ran, scratch.items(out)) == (["captions"], {"captions": 0})
        assert "videos" in scratch.metrics("captions")
    scratch.ran("dvc", "repro", "pairs")


def test_parameters_that_no_result_rests_on_make_no_item_anew(scratch, edited):
    changes = ("-S", "captions.llm.timeout_s=5.0", "-S", "captions.llm.price=[9.0,9.0]")
    with edited(("params.yaml", "", "")):
        _, out = scratch.ran("dvc", "exp", "run", *changes, "captions")
        assert scratch.items(out) == {"captions": 0}
    scratch.ran("dvc", "repro", "captions")


def test_parameters_of_the_machine_run_nothing(scratch, edited):
    changes = ("base.device=cpu", "base.jobs=2", "quiltnet.workers=0", "sources.laion.threads=3")
    changes += ("sources.pubmed.search.key=K", "quiltnet.save_steps=9")
    with edited(("params.yaml", "", "")):
        ran, _ = scratch.ran("dvc", "exp", "run", *(word for change in changes for word in ("-S", change)))
        assert set(ran) <= {"preflight"}
    assert set(scratch.ran("dvc", "repro")[0]) <= {"preflight"}


def test_a_file_that_a_parameter_names_is_a_dependency(scratch, edited):
    own = scratch.folder / "catalogs/terms.csv"
    own.write_text((scratch.folder / "stages/lexicon/glossary.csv").read_text())
    vocabularies = ("mesh: package", "mondo: package", "hpo: package", "hgnc: package")  # take most of the time
    small = [("params.yaml", f"  {name}:", f"  {name.split(':')[0]}: '' #") for name in vocabularies]
    with edited(("params.yaml", "glossary: stages/lexicon/glossary.csv", "glossary: catalogs/terms.csv"), *small):
        scratch.ran("dvc", "repro", "lexicon")
        terms = scratch.metrics("lexicon")["terms"]
        assert CLEAN in scratch.call("dvc", "status", "lexicon")
        own.write_text(own.read_text() + "qqqfoo sign,,Finding\n")
        assert "modified" in scratch.call("dvc", "status", "lexicon")
        assert scratch.ran("dvc", "repro", "lexicon")[0] == ["lexicon"]
        assert scratch.metrics("lexicon")["terms"] > terms
    scratch.ran("dvc", "repro", "lexicon")
    own.unlink()
    assert CLEAN in scratch.call("dvc", "status", "lexicon")


@pytest.fixture
def committed(scratch):
    """Take the outputs that there are for those of today's parameters: only dependencies are looked at."""

    def commit(*stages):
        scratch.ran("dvc", "repro", "preflight")
        scratch.call("dvc", "commit", "-f", *stages)
        assert CLEAN in scratch.call("dvc", "status", *stages)

    return commit


def test_the_protocol_that_a_protocol_extends_is_a_dependency(scratch, edited, committed):
    (scratch.folder / "protocols/mine.yaml").write_text("extends: demo_plain.yaml\nname: mine\n")
    uses = ("fingerprints", "embeddings", "evaluation@zero_shot", "evaluation@linear_probe", "evaluation@retrieval")
    with edited(("params.yaml", "protocol: protocols/demo.yaml", "protocol: protocols/mine.yaml")):
        committed(*uses)
        with edited(("protocols/demo.yaml", "sub_pathology: colorectal", "sub_pathology: bowel")):
            status = scratch.call("dvc", "status", *uses)
            assert [name for name in uses if f"{name}:\n" not in status] == []
    committed(*uses)


def test_the_config_of_an_own_model_is_a_dependency(scratch, edited, committed):
    config = "stages/quiltnet/configs/lite0_minilm.json"
    (scratch.folder / "mine.json").write_text((ROOT / config).read_text())
    with edited(("params.yaml", f"model: {config}", "model: mine.json")):
        committed("quiltnet", "embeddings")
        with edited(("mine.json", '"image_size": 128', '"image_size": 96')):
            status = scratch.call("dvc", "status", "quiltnet", "embeddings")
            assert "quiltnet:\n" in status
            assert "embeddings:\n" in status
    committed("quiltnet", "embeddings")
    (scratch.folder / "mine.json").unlink()


def test_an_output_edited_by_hand_is_made_anew_and_force_makes_all(scratch):
    before, lock = captions(scratch), scratch.lock()["captions"]
    path = scratch.folder / "data/captions" / next(iter(before))
    changed = json.loads(path.read_text())
    changed["sentences"][0]["text"] = "Nobody said this."
    path.write_text(json.dumps(changed))
    _, out = scratch.ran("dvc", "repro", "-s", "captions")
    assert scratch.items(out) == {"captions": 1}
    assert (captions(scratch), scratch.lock()["captions"]) == (before, lock)
    path.write_text(json.dumps(changed))
    _, out = scratch.ran("dvc", "repro", "-s", "--force", "captions")
    assert scratch.items(out) == {"captions": len(before)}
    assert (captions(scratch), scratch.lock()["captions"]) == (before, lock)


def test_force_fetches_no_video_anew(scratch):
    _, out = scratch.ran("dvc", "repro", "-s", "-f", "videos")
    assert scratch.items(out) == {"videos": 1}, "the one that failed is tried again"


def test_keys_travel_with_what_was_made(scratch, edited):
    scratch.call("dvc", "push", "-q", "captions")
    for folder in ("data/captions", "data/keys/.written"):
        shutil.rmtree(scratch.folder / folder)
    (scratch.folder / "data/keys/captions.parquet").unlink()
    scratch.call("dvc", "pull", "-q", "captions")
    _, out = scratch.ran("dvc", "repro", "-s", "-f", "rois")
    assert scratch.items(out)["rois"] > 0
    with edited(("params.yaml", "", "")):
        _, out = scratch.ran("dvc", "exp", "run", "-s", "-S", "captions.llm.retries=1", "captions")
        assert scratch.items(out) == {"captions": 0}
    scratch.ran("dvc", "repro", "captions")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("quiltnet.epochs=ten", "quiltnet.epochs: .*valid integer"),
        ("quiltnet.model=mine.json", "quiltnet.model: mine.json does not exist"),
        ("evaluation.protocol=protocols/none.yaml", "evaluation.protocol: protocols/none.yaml"),
    ],
)
def test_a_mistaken_value_is_found_before_anything_is_removed(scratch, edited, change, message):
    def made():
        parts = ("models", "reports", "data/dataset")
        files = (path for part in parts for path in (scratch.folder / part).rglob("*") if path.is_file())
        return {path for path in files if "logs" not in path.parts}

    before = made()
    with edited(("params.yaml", "", "")):  # by its content: Git can overlook what a failed run left
        scratch.call("dvc", "exp", "run", "-S", change, fails=True)
    assert re.search(message, scratch.said)
    assert made() == before
    assert CLEAN in scratch.call("dvc", "status")
