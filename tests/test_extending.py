"""Parts that a user adds from a folder outside of `stages`, as docs/extending.md shows them."""

import functools
import json
import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from extensions import write_examples
from fingerprinted import fingerprints_of
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from PIL import Image

from stages.captions.engines import engine
from stages.common.data.files import jpeg, read_json, read_yaml
from stages.common.errors import StageError
from stages.common.evalsets.protocol import Evalset, load_protocol, read_evalset
from stages.common.frame_filter.classifier import load_filter
from stages.common.frame_filter.prediction import FLAGS
from stages.common.incremental.dependencies import Dependencies
from stages.common.incremental.named import link_named_files
from stages.common.stage.extensions import iterate, load_extension
from stages.common.stage.params import load_all_params
from stages.common.tables.pairs import pairs_table
from stages.dataset.filters import filter_reasons
from stages.dataset.merge import merge
from stages.demo.tissue import paint
from stages.fingerprints.work import fingerprints
from stages.frame_filter import fit as fitting
from stages.preflight.check import check
from stages.quiltnet.loss import make_loss
from stages.sources.added import added
from stages.sources.params import Added

ENGINE, LOADER = "extensions/careful.py:engine", "extensions/tiles.py:load"
FILTER, LOSS, SOURCE = "extensions/telling.py:no_questions", "extensions/smooth.py:loss", "extensions/atlas.py:read"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A repository's root with the examples of the page in it."""
    monkeypatch.chdir(tmp_path)
    write_examples(tmp_path)
    return tmp_path


def save(path, tissue="stroma", seed=0, size=(96, 128)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(paint(tissue, *size, np.random.default_rng(seed))).save(path)


# Each part does what the page says.


def test_a_source_yields_candidates_by_its_own_parameters(home):
    for name in ("one", "two"):
        save(home / f"atlas/glands/{name}.png")
    save(home / "atlas/glands/other.jpg")
    (home / "atlas/glands/one.txt").write_text("Tubular glands.")
    source = Added(read=SOURCE, folder="atlas", suffix=".png")
    first, second = added("atlas", source)
    assert (first.key, first.group, first.text, first.drop) == ("glands_one", "glands", "Tubular glands.", "")
    assert (second.key, second.drop) == ("glands_two", "no_legend")
    assert source.results() == {"read": SOURCE, "folder": "atlas", "suffix": ".png"}


def test_a_loader_is_named_in_a_protocol(home):
    shutil.copy(ROOT / "protocols/quilt.yaml", "protocols")
    evalset = load_protocol("protocols/tiles.yaml").evalsets["tiles"]
    for name in ("gland_1", "stroma_1", "gland_2"):
        save(home / f"sets/tiles/{name}.png")
    table = read_evalset(home / "sets", "tiles", evalset)
    assert table.label.tolist() == [0, 0, 1]
    assert table.split.unique().tolist() == ["test"]


def test_an_engine_sorts_and_worker_processes_find_it(stage_params):
    params = stage_params("captions", engine=ENGINE)
    texts = ["Here is a gland.", "Is this a gland?"]
    entity = SimpleNamespace(semantic_type="Tissue", id="x")
    kinds = functools.partial(_kinds, params, texts, [[entity], [entity]])
    assert kinds() == ["roi", "other"]
    get_reusable_executor().shutdown()  # workers of an earlier test are in its folder
    assert Parallel(n_jobs=2)(delayed(kinds)() for _ in range(2)) == [["roi", "other"]] * 2


def _kinds(params, texts, entities):
    return engine(params, None, None, 1.0).kinds(texts, entities)


def table_of(texts, **more):
    rows = [
        {"pair_id": f"p{n}", "source": "quilt", "group": f"g{n}", "image": f"t.tar#{n}.jpg", "text": text}
        | {"width": 512, "height": 512, "confidence": 1.0}
        for n, text in enumerate(texts)
    ]
    return pairs_table(rows).assign(similarity=np.nan, **more)


def merged(table, params):
    rng = np.random.default_rng(0)
    images = pd.DataFrame({"image": table.image, "sha256": table.image, "error": ""}).assign(
        hash=[rng.bytes(32) for _ in table.image],
        mirrored=[rng.bytes(32) for _ in table.image],
        blobs=[b""] * len(table.image),
        spots=[b""] * len(table.image),
        embedding=[rng.standard_normal(64).astype(np.float16).tobytes() for _ in table.image],
        **{"blur": 0.2, "background": 0.1, "histology": 1.0, "width": 9, "height": 9},
        **{f"flag_{flag}": 0.0 for flag in FLAGS},
    )
    tests = images.head(0).assign(evalset="")
    found = merge(table, images, tests, fingerprints_of(images), params, 0, lambda asked: [False] * len(asked))
    return found.set_index("pair_id")["drop"].to_dict()


def test_a_filter_drops_pairs_that_nothing_else_has_dropped(stage_params):
    table = table_of(["These are some glands.", "Are these some glands?", "Are they?"])
    params = stage_params("dataset", filters=[FILTER], crop_cosine=1.0)
    assert merged(table, params) == {"p0": "", "p1": "question", "p2": "text_too_short"}
    assert merged(table, params.model_copy(update={"filters": []}))["p1"] == ""


def test_a_filter_sees_the_columns_of_the_page_and_none_that_are_inside(home, stage_params):
    (home / "extensions/seen.py").write_text(
        "from pathlib import Path\n"
        "def columns(pairs):\n"
        "    Path('seen.txt').write_text(' '.join(pairs.columns))\n"
        "    return pairs.text.map(lambda text: '')\n"
    )
    merged(table_of(["some three words"]), stage_params("dataset", filters=["extensions/seen.py:columns"]))
    page = (ROOT / "docs/extending.md").read_text().partition("Columns that may be used:")[2].partition("\n## ")[0]
    cells = [line.split("|")[1].replace("`", "").strip() for line in page.splitlines() if line.startswith("| `")]
    named = {name for cell in cells for name in cell.split(", ")}
    seen = {"flag_NAME" if name.startswith("flag_") else name for name in (home / "seen.txt").read_text().split()}
    assert named == seen


class Colours:
    """A backbone whose features are the mean colours of a picture."""

    def __init__(self, *_):
        pass

    def features(self, pictures):
        return np.array([picture.reshape(-1, 3).mean(0) / 255 for picture in pictures], np.float32).reshape(-1, 3)


@pytest.fixture
def frames(home):
    """Frames of six sources, half of them histology; those with a ruler are darker."""

    def write(flag="ruler", sources=6):
        rows, rng = [], np.random.default_rng(0)
        for number in range(sources * 4):
            label, ruler = number % 2, number // 2 % 2
            colour = np.array([40 + 120 * label, 60, 120]) + 60 * (1 - ruler) + rng.normal(0, 4, 3)
            file = f"{number}.png"
            (home / "frames").mkdir(exist_ok=True)
            cv2.imwrite(str(home / "frames" / file), np.full((60, 80, 3), colour, np.uint8)[..., ::-1])
            rows.append({"file": file, "label": ("other", "histology")[label], "source": f"drawn_{number // 4}"})
            rows[-1] |= {flag: ruler}
        pd.DataFrame(rows).to_csv(home / "frames/labels.csv", index=False)

    return write


@pytest.mark.parametrize("variations", [0, 1])
def test_a_flag_is_taught_scored_and_noted(home, frames, stage_params, base, monkeypatch, variations):
    frames()
    for place in ("stages.frame_filter.fit.Backbone", "stages.common.models.backbone.Backbone"):
        monkeypatch.setattr(place, Colours)
    params = stage_params(
        "frame_filter", frames="frames", more_flags=["ruler"], variations=variations, weights="hub", folds=3
    )
    fitting.fit(params, home / "model", home / "m.json", 0, "cpu")
    assert read_json(home / "m.json")["flags"]["ruler"]["auroc"] > 0.9
    load_filter.cache_clear()
    (home / "dark.jpg").write_bytes(jpeg(Image.new("RGB", (300, 300), (40, 60, 120))))
    (home / "pale.jpg").write_bytes(jpeg(Image.new("RGB", (300, 300), (100, 120, 180))))
    images = ["dark.jpg", "pale.jpg"]
    table = fingerprints(images, home / "model", 8, base, "cpu", home / "state").table(images)
    assert list(table.columns[-3:]) == ["flag_panels", "error", "flag_ruler"]
    assert table.flag_ruler[0] > table.flag_ruler[1]


def test_a_flag_that_labels_do_not_teach_is_said(home, frames, stage_params, monkeypatch):
    monkeypatch.setattr(fitting, "Backbone", Colours)
    params = stage_params("frame_filter", frames="frames", more_flags=["ruler"], variations=1, weights="hub", folds=2)
    frames("arrow")
    with pytest.raises(StageError, match="column 'ruler' is missing, which frame_filter.more_flags names"):
        fitting.fit(params, home / "model", home / "m.json", 0, "cpu")
    frames("ruler", sources=1)
    with pytest.raises(StageError, match="too few frames say something of 'ruler'"):
        fitting.fit(params, home / "model", home / "m.json", 0, "cpu")


def test_a_loss_is_what_the_page_says_and_trains(tune, stage_params):
    rng = np.random.default_rng(0)
    image, text = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in rng.standard_normal((2, 5, 8)))
    broken = np.array([False, False, True, False, False])
    logits = 10 * image[~broken] @ text[~broken].T
    targets = 0.9 * np.eye(4) + 0.1 / 4
    surprises = [-np.log(np.exp(x) / np.exp(x).sum(1, keepdims=True)) for x in (logits, logits.T)]
    expected = np.mean([(targets * one).sum(1).mean() for one in surprises])
    loss = make_loss(stage_params("quiltnet", loss=LOSS), 0, 1)
    found, left_out = loss(torch.tensor(image), torch.tensor(text), 10.0, None, None, torch.tensor(broken))
    assert (float(found), int(left_out)) == (pytest.approx(expected), 1)
    own, built_in = (read_json(tune(name, loss=name).metrics) for name in (LOSS, "clip"))
    assert own["train_loss"] != pytest.approx(built_in["train_loss"], rel=1e-3)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("1.0", "must answer with the loss and the number of samples left out"),
        ("(1.0, 0)", "learned from: it should be a tensor, not of the type float"),
        ("(image.sum(1), 0)", r"learned from: it should be a scalar, not of the shape \(2,\)"),
        ("(image.detach().sum(), 0)", "learned from: it has no gradient"),
        ("(1 / 0, 0)", " line 2: ZeroDivisionError"),
        ("(image.sum().to(torch.complex64), 0)", "learned from: it is of torch.complex64, should be of a real float"),
        ("(image.sum(), None)", "number of samples left out, .* not None"),
        ("(image.sum(), '3')", "number of samples left out, .* not '3'"),
        ("(image.sum(), -1)", "number of samples left out, .* not -1"),
        ("(image.sum(), True)", "number of samples left out, .* not True"),
        ("(image.sum(), torch.ones(2))", r"number of samples left out, .* not Tensor of the shape \(2,\)"),
        ("(image.sum(), torch.tensor(float('nan')))", r"number of samples left out, .* not tensor\(nan\)"),
        ("(image.sum(), torch.tensor(1j))", r"number of samples left out, .* not tensor\("),
    ],
)
def test_a_loss_that_nothing_can_be_learned_from_is_said(home, stage_params, answer, message):
    (home / "extensions/mine.py").write_text(f"import torch\ndef f(*_): return lambda image: {answer}")
    loss = make_loss(stage_params("quiltnet", loss="extensions/mine.py:f"), 0, 1)
    with pytest.raises(StageError, match=f"quiltnet.loss: extensions/mine.py.*{message}"):
        loss(torch.ones(2, 3, requires_grad=True))


@pytest.mark.parametrize("left_out", ["2", "torch.tensor(2)", "torch.tensor(2.0)"])
def test_a_number_of_samples_left_out_is_an_int_or_a_tensor(home, stage_params, left_out):
    (home / "extensions/mine.py").write_text(f"import torch\ndef f(*_): return lambda image: (image.sum(), {left_out})")
    loss = make_loss(stage_params("quiltnet", loss="extensions/mine.py:f"), 0, 1)
    assert int(loss(torch.ones(2, 3, requires_grad=True))[1]) == 2


def test_a_loss_must_be_a_function(home, stage_params):
    (home / "extensions/mine.py").write_text("def f(*_): return 3")
    with pytest.raises(StageError, match="quiltnet.loss: extensions/mine.py:f must return a function, not int"):
        make_loss(stage_params("quiltnet", loss="extensions/mine.py:f"), 0, 1)


# An edit is seen, and by what depends on it alone.


@pytest.fixture
def digest(stage_params):
    """The digest of what captions depend on, besides their input, with the engine of the page."""
    return lambda: Dependencies(params=stage_params("captions", engine=ENGINE)).digest()


def append(path, text):
    path.write_text(path.read_text() + text)


def test_edits_of_an_extension_and_of_what_it_imports_or_names_make_items_anew(home, digest):
    (home / "extensions/words.py").write_text("from pathlib import Path\nfrom .deep.more import X\n")
    (home / "extensions/deep").mkdir()
    (home / "extensions/deep/more.py").write_text("X = 1\n")
    (home / "extensions/deep/__init__.py").write_text("from .base import LIMIT\n")
    (home / "extensions/deep/base.py").write_text("LIMIT = 1\n")
    (home / "extensions/list.txt").write_text("one\n")
    append(home / "extensions/careful.py", "from . import words\nLIST = 'list.txt'\n")
    seen = [digest()]
    for file in ("careful.py", "words.py", "deep/more.py", "deep/__init__.py", "deep/base.py", "list.txt"):
        append(home / "extensions" / file, "Y = 1\n")
        seen.append(digest())
    assert len(set(seen)) == len(seen)
    append(home / "extensions/words.py", "\n# words\n")
    append(home / "extensions/telling.py", "Y = 1\n")
    assert digest() == seen[-1], "neither a comment nor an extension of another stage"


def test_dvc_sees_the_files_through_links(home, stage_params):
    (home / "extensions/words.py").write_text("X = 1\n")
    append(home / "extensions/careful.py", "from extensions.words import X\n")
    shutil.copy(ROOT / "protocols/quilt.yaml", "protocols")
    link_named_files(
        {
            "captions": stage_params("captions", engine=ENGINE),
            "evaluation": stage_params("evaluation", protocol="protocols/tiles.yaml"),
            "sources": stage_params("sources", more={"atlas": Added(read=SOURCE, folder="atlas")}),
        }
    )
    folder = home / "data/named"
    links = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}
    assert links == {
        "captions/engine/extensions%2Fcareful.py",
        "captions/engine/extensions%2Fwords.py",
        "evaluation/protocol/extensions%2Ftiles.py",
        "sources/more/atlas/read/extensions%2Fatlas.py",
    }


# Mistakes are one line that says what and where.


@pytest.mark.parametrize(
    ("text", "value", "message"),
    [
        ("", "extensions/none.py:f", "x.y: extensions/none.py: no such file: paths go from the repository root"),
        ("def g(): ...", "{}:f", r"x.y: .*mine.py defines no 'f' \(it defines: g\)"),
        ("f = 3", "{}:f", "x.y: .*mine.py:f should be a function, not of the type int"),
        ("def f(a): ...", "{}:f", r"x.y: .*mine.py:f is called with \(a, b\): too many positional"),
        ("def f(a, b, c): ...", "{}:f", r"called with \(a, b\): missing a required argument: 'c'"),
        ("def f(:", "{}:f", r"x.y: .*mine.py: SyntaxError: .*line 1"),
        ("\n1 / 0", "{}:f", "mine.py line 2: ZeroDivisionError: division by zero"),
        ("import telling", "{}:f", "No module named 'telling': import a file beside it with a dot"),
        ("import no_such", "{}:f", "mine.py line 1: No module named 'no_such'$"),
        ("raise SystemExit", "{}:f", "mine.py line 1: it ends the process: raise an error"),
        ("from ..other import g", "{}:f", "mine.py line 1: attempted .*: only files in its own folder or below it"),
        ("from .gone import g", "{}:f", r"mine.py line 1: No module named 'extensions.gone'$"),
        ("from .words import g", "{}:f", r"mine.py line 1: cannot import name 'g' from 'extensions.words' \("),
        ("from . import gone", "{}:f", r"mine.py line 1: cannot import name 'gone' from 'extensions' \("),
        ("", "no_such.module:f", "x.y: no_such.module: No module named 'no_such'"),
        ("", "extensions.telling:f", "is a file of the repository: name it as extensions/telling.py:NAME"),
        ("", "extensions/telling.py", "'extensions/telling.py' names no code: write it as FILE.py:NAME"),
    ],
)
def test_mistakes_are_named(home, text, value, message):
    (home / "extensions/mine.py").write_text(text)
    (home / "extensions/words.py").touch()
    with pytest.raises(StageError, match=message):
        load_extension(value.format("extensions/mine.py"), "x.y", "a", "b")


def test_a_function_of_an_installed_package_is_found():
    assert load_extension("json:dumps", "x.y", "value")([1]) == "[1]"


@pytest.mark.parametrize(
    "answer",
    [
        *("[''] * 2", "pairs.text.head(1)", "pairs.text", "pairs.text.map(len)", "pairs.text.map(list)"),
        *("pairs.text.astype('category')", "pairs.text.where(pairs.text == '')", "pairs.text.map(len).astype('Int64')"),
    ],
)
def test_a_filter_must_answer_with_a_reason_for_each_row(home, answer):
    (home / "extensions/mine.py").write_text(f"def f(pairs): return {answer}")
    with pytest.raises(StageError, match=r"extensions/mine.py:f (must return a Series|returns .*: a reason is)"):
        filter_reasons(table_of(["One two.", "Two three."]), "extensions/mine.py:f")


@pytest.mark.parametrize("kind", ["category", "string", "string[pyarrow]"])
def test_a_filter_may_answer_in_any_type_of_text(home, kind):
    (home / "extensions/mine.py").write_text(f"def f(pairs): return pairs.text.map(lambda t: 'odd').astype('{kind}')")
    found = filter_reasons(table_of(["One two.", "Two three."]), "extensions/mine.py:f")
    assert (found.tolist(), found.dtype) == (["odd", "odd"], object)


def test_a_missing_reason_is_shown_as_python_writes_it(home):
    (home / "extensions/mine.py").write_text("def f(pairs): return pairs.text.map({'One two.': 'short'})")
    table = table_of(["Two three."]).assign(text=["Two three."])
    with pytest.raises(StageError, match=r"extensions/mine.py:f returns nan: a reason is"):
        filter_reasons(table, "extensions/mine.py:f")
    (home / "extensions/five.py").write_text("def f(pairs): return pairs.text.map(len).astype(float)")
    with pytest.raises(StageError, match=r"extensions/five.py:f returns 10.0: a reason is"):
        filter_reasons(table, "extensions/five.py:f")


@pytest.mark.parametrize("reason", ["leak_arch", "flag_arrow", "exact_duplicate", "same_image_and_text", "blurred"])
def test_a_filter_gives_no_built_in_reason(home, reason, stage_params):
    (home / "extensions/mine.py").write_text(f"def f(pairs): return pairs.text.map(lambda text: '{reason}')")
    with pytest.raises(StageError, match=f"extensions/mine.py:f returns '{reason}', a built-in reason"):
        merged(table_of(["Some three words."]), stage_params("dataset", filters=["extensions/mine.py:f"]))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 1 / len(a)", "x.y: extensions/mine.py line 2: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "x.y: extensions/mine.py line 2: it ends the process: raise an error"),
        ("pass", "x.y: extensions/mine.py:f returned nothing"),
        ("yield 1; yield a[0]", "x.y: extensions/mine.py line 2: IndexError: list index out of range"),
    ],
)
def test_errors_inside_a_function_are_one_line(home, body, message):
    (home / "extensions/mine.py").write_text(f"def f(a):\n    {body}\n")
    with pytest.raises(StageError) as caught:
        list(iterate(load_extension(mine := "extensions/mine.py:f", "x.y", "a")([]), mine, "x.y"))
    assert str(caught.value) == message


def test_files_whose_names_differ_by_a_dot_are_two_modules(home):
    for name, number in (("a.b", 1), ("a_b", 2)):
        (home / f"extensions/{name}.py").write_text(f"from .telling import no_questions\ndef f(): return {number}")
        assert load_extension(f"extensions/{name}.py:f", "x.y")() == number


@pytest.mark.parametrize("row", ["3", "['x.png', 'a']", "[{'path': 'x.png'}]"])
def test_a_loader_must_yield_paths_and_labels(home, row):
    (home / "extensions/mine.py").write_text(f"def f(root): return {row}")
    (home / "sets").mkdir()
    evalset = Evalset(loader="extensions/mine.py:f", root="sets", sub_pathology="skin")
    with pytest.raises(StageError, match="evalset mine: the loader extensions/mine.py:f must yield dicts"):
        read_evalset(home, "mine", evalset)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("[GOOD | {'split': 3}, GOOD]", "row 1: split is int, should be str"),
        ("[GOOD, GOOD | {'split': 'learn'}]", "row 2: split 'learn' is none of train, validation, test"),
        ("[GOOD | {'path': None}]", "row 1: path is NoneType, should be str"),
        ("[GOOD | {'path': b'x.png'}]", "row 1: path is bytes, should be str"),
        ("[GOOD | {'path': 'sets/no.png'}]", "row 1: path: there is no file 'sets/no.png'"),
        ("[GOOD | {'path': 'sets/no.tar#x.png'}]", "row 1: path: there is no file 'sets/no.tar'"),
        ("[GOOD | {'code': 1}]", "row 1: code is int, should be str"),
        ("[GOOD | {'text': 3}]", "row 1: text is int, should be str"),
        ("[GOOD | {'text': '\\ud800'}]", "row 1: text .* has half a character"),
        ("[GOOD | {'institution': 3.0}]", "row 1: institution is float, should be str"),
    ],
)
def test_rows_of_a_loader_are_checked(home, rows, message):
    save(home / "sets/x.png")
    (home / "extensions/mine.py").write_text(
        f"GOOD = {{'path': 'sets/x.png', 'code': 'a'}}\ndef f(root): return {rows}"
    )
    evalset = Evalset(loader="extensions/mine.py:f", root="sets", sub_pathology="skin", classes={"a": "a"})
    with pytest.raises(StageError, match=f"^evalset mine: the loader extensions/mine.py:f: {message}"):
        read_evalset(home, "mine", evalset)


def test_an_error_on_the_way_through_a_loaders_rows_is_one_line(home):
    (home / "extensions/mine.py").write_text(
        "class Rows:\n    def __iter__(self):\n        raise KeyError('x')\n\ndef f(root): return Rows()"
    )
    evalset = Evalset(loader="extensions/mine.py:f", root="extensions", sub_pathology="skin")
    with pytest.raises(StageError, match=r"^evalset mine: loader: extensions/mine.py line 3: KeyError: 'x'$"):
        read_evalset(home, "mine", evalset)


OWN_ENGINE = """
from stages.captions.correct import Correction, Repair

class Mine:
    def correct(self, texts): return [Repair(text, []) for text in texts]
    def kinds(self, texts, entities): return ["other"] * len(texts)
    def sub_pathology(self, title, text): return [{"field": "Renal", "probability": 1.0}]

def f(*_): return Mine()
"""


@pytest.mark.parametrize(
    ("method", "answer", "message"),
    [
        ("correct", "1 / 0", r"mine.py line \d+: ZeroDivisionError: division by zero$"),
        ("correct", "None", "mine.py:f: correct must return a list, not NoneType$"),
        ("correct", "[]", "mine.py:f: correct returns 0 values for 2 sentences$"),
        ("correct", "args[0]", "mine.py:f: correct: value 1 is 'One.', should be a stages.captions.correct.Repair"),
        ("correct", "[Repair(None, [])] * 2", "correct: value 1 is Repair.*, should be"),
        (
            "correct",
            "[Repair('One.', [Correction('a', 'b', 'me', '1')])] * 2",
            "correct: value 1 is Repair.*, should be",
        ),
        ("kinds", "['other']", "mine.py:f: kinds returns 1 values for 2 sentences$"),
        ("kinds", "['other', 'spam']", "mine.py:f: kinds: value 2 is 'spam', should be medical, roi, other$"),
        ("kinds", "[['other'], None]", r"mine.py:f: kinds: value 1 is \['other'\], should be medical, roi, other$"),
        ("kinds", "{}['x']", r"mine.py line \d+: KeyError: 'x'$"),
        ("sub_pathology", "None", "mine.py:f: sub_pathology must return a list, not NoneType$"),
        ("sub_pathology", "[]", "mine.py:f: sub_pathology returns 0 fields, should be one to three$"),
        ("sub_pathology", "['Renal']", "sub_pathology: value 1 is 'Renal', should be"),
        ("sub_pathology", "[{'field': 'Skin', 'probability': 1.0}]", "sub_pathology: value 1 is .*Skin.*, should be"),
        ("sub_pathology", "[{'field': 'Renal', 'probability': 2.0}]", "sub_pathology: value 1 is .*2.0.*, should be"),
    ],
)
def test_what_an_own_engine_answers_is_checked(home, stage_params, method, answer, message):
    own = f"{OWN_ENGINE}\ndef wrong(self, *args): return {answer}\nMine.{method} = wrong\n"
    (home / "extensions/mine.py").write_text(own)
    found = engine(stage_params("captions", engine="extensions/mine.py:f"), None, None, 1.0)
    values = {"correct": [["One.", "Two."]], "kinds": [["One.", "Two."], [[], []]], "sub_pathology": ["", ""]}
    with pytest.raises(StageError, match=f"^captions.engine: extensions/.*{message}"):
        getattr(found, method)(*values[method])
    for other in values.keys() - {method}:
        assert getattr(found, other)(*values[other])


def test_an_engine_must_have_its_methods_and_a_source_yield_candidates(home, stage_params):
    (home / "extensions/mine.py").write_text("def f(*_): return [1]")
    with pytest.raises(StageError, match="captions.engine: what extensions/mine.py:f returns has no method 'correct'"):
        engine(stage_params("captions", engine="extensions/mine.py:f"), None, None, 1.0)
    with pytest.raises(StageError, match="sources.more.x.read: extensions/mine.py:f must yield .*Candidate"):
        list(added("x", Added(read="extensions/mine.py:f", folder="here")))


@pytest.fixture
def all_params(home, monkeypatch):
    """Every section of the committed params.yaml, read in its own repository, with changes by dotted name."""
    monkeypatch.chdir(ROOT)

    def changed(**changes):
        tree = read_yaml(ROOT / "params.yaml")
        for name, values in changes.items():
            tree[name] |= values
        (home / "params.yaml").write_text(json.dumps(tree))
        return load_all_params(home / "params.yaml")

    return changed


def source(name, read, folder="docs"):
    return {"sources": {"more": {name: {"read": read, "folder": folder}}}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"captions": {"engine": "none.py:f"}}, "captions.engine: none.py: no such file"),
        ({"captions": {"engine": "lexcon"}}, "captions.engine: .*should be lexicon, llm, FILE.py:NAME"),
        ({"quiltnet": {"loss": "none.py:f"}}, "quiltnet.loss: none.py: no such file"),
        ({"dataset": {"filters": ["none.py:f"]}}, "dataset.filters: none.py: no such file"),
        ({"dataset": {"filters": ["none"]}}, "dataset.filters: 'none' names no code"),
        ({"dataset": {"sources": ["quilt", "atlas"]}}, r"dataset.sources: there is no 'atlas' \(known: quilt, pubmed"),
        ({"dataset": {"flags": ["ruler"]}}, r"dataset.flags: there is no 'ruler' \(known: person"),
        ({"frame_filter": {"more_flags": ["Ruler 2"]}}, "frame_filter.more_flags.0: .*pattern"),
        ({"frame_filter": {"more_flags": ["a", "b", "a"]}}, "frame_filter.more_flags: .*a is there twice"),
        ({"frame_filter": {"more_flags": ["threshold"]}}, "more_flags: .*should not have the name threshold"),
        ({"frame_filter": {"more_flags": ["arrow"]}}, "frame_filter.more_flags: there is a 'arrow' already"),
        (source("table", "a.py:f"), "sources.more.table: there is a 'table'"),
        (source("a", "none.py:f"), "sources.more.a.read: none.py: no such file"),
        (source("a", "a.py:f", "none"), "sources.more.a.folder: none is not a folder"),
        (source("a_b", "a.py:f"), "sources.more.a_b.*: .*pattern"),
        (source("a", "docs"), "sources.more.a.read: .*should be FILE.py:NAME"),
    ],
)
def test_preflight_says_what_is_wrong(all_params, changes, message):
    with pytest.raises(StageError, match=message):
        check(all_params(**changes))


def test_preflight_asks_a_source_whether_it_takes_its_parameters(all_params, home):
    atlas = {"read": f"{home}/extensions/atlas.py:read", "folder": "docs"}
    dataset = {"dataset": {"sources": ["quilt", "atlas"]}}
    check(all_params(sources={"more": {"atlas": atlas | {"suffix": ".png"}}}, **dataset))
    with pytest.raises(StageError, match="sources.more.atlas.read: .*unexpected keyword argument 'sufix'"):
        check(all_params(sources={"more": {"atlas": atlas | {"sufix": ".png"}}}, **dataset))
