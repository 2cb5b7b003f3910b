"""What counts as the code that makes something, and what does not."""

import functools
import shutil
import sys

import pytest
from conftest import ROOT

from stages.common.incremental import code
from stages.common.incremental.code import code_digest, sources
from stages.common.incremental.contents import content_digest

FILES = {
    "stages/toy/work.py": '''
"""Makes toys."""
from pathlib import Path
import warnings
from stages.common.errors import Failed, Rejected, StageError
from stages.shared.tools import helper, Tool
from stages.toy.params import Params

SIZE = 3  # pixels
OTHER = 4
TABLE = Path(__file__).parent / "table.yaml"
LEVEL: int = 1


def work(item: str, tool: Tool, params: Params) -> int:
    """Work."""
    from stages.shared import lazy

    if not item:
        raise Rejected("empty", f"nothing in {item}")
    if item == "x":
        raise Failed("bad", "the item is bad")
    if item == "y":
        raise StageError("nothing works")
    if item == "z":
        raise ValueError("no z")
    print("working")
    warnings.warn("hm")
    part: int = helper(item) + SIZE + LEVEL
    return part + lazy.late() + tool.use()


def unused() -> int:
    return OTHER
''',
    "stages/toy/table.yaml": "a: [1, 2]  # numbers\n",
    "stages/toy/params.py": "class Params:\n    a: int = 1\n",
    "stages/toy/__main__.py": "from stages.toy.work import work\n\n\ndef make():\n    return {'items': 1}\n",
    "stages/shared/tools.py": '''
def helper(item):
    return deep(item)


def deep(item):
    return len(item)


class Tool:
    """A tool."""

    def use(self):
        return 5


def idle():
    return 6
''',
    "stages/shared/lazy.py": "import os\n\nos.environ['MODE'] = 'a'\n\n\ndef late():\n    return 7\n",
    "stages/common/errors.py": "".join(f"class {n}(Exception): ...\n" for n in ("StageError", "Failed", "Rejected")),
}


@pytest.fixture
def digest(tmp_path, monkeypatch):
    """The digest of the toy stage's worker, after an edit of one file."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(code, "ROOT", tmp_path)

    def work():
        raise NotImplementedError

    work.__module__, work.__qualname__ = "stages.toy.work", "work"

    def after(file="", old="", new=""):
        code._module.cache_clear()
        if not file:
            return code_digest(work)
        path = tmp_path / "stages" / file
        before = path.read_text()
        assert old in before, old
        path.write_text(before.replace(old, new))
        found = code_digest(work)
        path.write_text(before)
        code._module.cache_clear()
        return found

    return after


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("toy/work.py", "SIZE = 3", "SIZE = 4"),
        ("toy/work.py", "helper(item) + SIZE", "helper(item) - SIZE"),
        ("toy/work.py", '"empty"', '"nothing"'),
        ("toy/work.py", 'if item == "z"', 'if item == "zz"'),
        ("shared/tools.py", "len(item)", "len(item) + 1"),
        ("shared/tools.py", "return 5", "return 6"),
        ("shared/lazy.py", "return 7", "return 8"),
        ("shared/lazy.py", "'a'", "'b'"),
    ],
)
def test_an_edit_of_what_the_worker_runs_counts(digest, file, old, new):
    assert digest(file, old, new) != digest()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("toy/work.py", '"""Makes toys."""', '"""Makes many toys."""'),
        ("toy/work.py", '"""Work."""', ""),
        ("toy/work.py", "# pixels", "# points"),
        ("toy/work.py", "    part: int", "\n\n    part: float"),
        ("toy/work.py", "LEVEL: int", "LEVEL: float"),
        ("toy/work.py", "item: str", "item: object"),
        ("toy/work.py", "params: Params) -> int", "params: Params) -> float"),
        ("toy/work.py", "nothing in {item}", "there is nothing in {item} of {OTHER}"),
        ("toy/work.py", "the item is bad", "bad item"),
        ("toy/work.py", "nothing works", "no work"),
        ("toy/work.py", "no z", "z?"),
        ("toy/work.py", '    print("working")\n', ""),
        ("toy/work.py", 'print("working")', 'print("at work", OTHER)'),
        ("toy/work.py", 'warnings.warn("hm")', 'warnings.warn("well")'),
        ("toy/work.py", "return OTHER", "return OTHER + 1"),
        ("toy/work.py", "OTHER = 4", "OTHER = 5"),
        ("toy/__main__.py", "'items': 1", "'items': 2"),
        ("toy/params.py", "a: int = 1", "a: int = 2\n    b: int = 3"),
        ("shared/tools.py", '"""A tool."""', '"""One tool."""'),
        ("shared/tools.py", "return 6", "return 7"),
    ],
)
def test_words_and_what_the_worker_never_reaches_do_not(digest, file, old, new):
    assert digest(file, old, new) == digest()


def test_a_data_file_that_the_code_names_counts_by_its_values(digest, tmp_path):
    work = tmp_path / "stages/toy/work.py"
    work.write_text(work.read_text().replace("return part", "return len(str(TABLE)) + part"))
    assert digest("toy/table.yaml", "[1, 2]", "[1, 3]") != digest()
    assert digest("toy/table.yaml", "[1, 2]  # numbers", "[1,\n  2]") == digest()


def test_a_data_file_in_a_folder_below_counts_too(digest, tmp_path):
    work = tmp_path / "stages/toy/work.py"
    before = work.read_text()
    work.write_text(before.replace('parent / "table.yaml"', 'parent / "words" / "table.yaml"'))
    work.write_text(work.read_text().replace("return part", "return len(str(TABLE)) + part"))
    (tmp_path / "stages/toy/words").mkdir()
    (tmp_path / "stages/toy/table.yaml").rename(tmp_path / "stages/toy/words/table.yaml")
    assert digest("toy/words/table.yaml", "[1, 2]", "[1, 3]") != digest()


def test_a_progress_bar_s_words_do_not_count_and_a_print_to_a_file_does(digest, tmp_path):
    work = tmp_path / "stages/toy/work.py"
    bar = "for _ in tqdm(range(2), desc='two', unit='x'): ...\n    "
    work.write_text(work.read_text().replace('print("working")', bar + 'print("kept", file=item)'))
    assert digest("toy/work.py", "desc='two', unit='x'", "desc='both'") == digest()
    assert digest("toy/work.py", "range(2)", "range(3)") != digest()
    assert digest("toy/work.py", '"kept"', '"lost"') != digest()


@pytest.mark.parametrize(
    ("name", "one", "same", "other"),
    [
        ("a.json", '{"a": 1}', '{"a":\n 1}', '{"a": 2}'),
        ("a.yaml", "a: 1", "a: 1  # one", "a: 2"),
        ("a.json", "no json", "no json", "none"),
        ("a.csv", "a,b", "a,b", "a, b"),
    ],
)
def test_data_counts_by_what_it_says(tmp_path, name, one, same, other):
    digests = []
    for text in (one, same, other):
        (tmp_path / name).write_text(text)
        digests.append(content_digest(tmp_path / name))
    assert digests[0] == digests[1] != digests[2]


def test_partials_cached_functions_classes_and_instances_are_seen_through():
    from stages.common.text.lexicon import Lexicon, load_lexicon

    assert code_digest(functools.partial(load_lexicon, 1)) == code_digest(load_lexicon)
    instance = Lexicon.__new__(Lexicon)
    assert code_digest(instance) == code_digest(Lexicon) == code_digest(functools.partial(sorted, instance))
    assert code_digest(sorted) == code_digest(shutil.copy) == code_digest()


def test_modules_that_packages_import_are_found_like_modulefinder_does():
    """An independent finder, which reads byte code, sees the same modules of this repository."""
    from modulefinder import ModuleFinder

    mine = {path.relative_to(ROOT).as_posix() for path in sources("stages.rois")}
    finder = ModuleFinder(path=[str(ROOT)], excludes=[name for name in sys.modules if not name.startswith("stages")])
    for path in (ROOT / "stages/rois").glob("*.py"):
        finder.run_script(str(path))
    theirs = {path.removeprefix(f"{ROOT}/") for one in finder.modules.values() if (path := one.__file__)}
    begin = {
        "stages/common/stage/instructions.py",
        "stages/common/stage/logs.py",
    }  # imported by packages, before any module
    ours = {path for path in theirs if path.startswith("stages/") and not path.endswith("__init__.py")}
    assert mine - {"stages/rois/__init__.py"} | begin == ours


def test_modules_left_out_hide_what_only_they_import():
    names = {path.name for path in sources("stages.rois", without={"cli.py"})}
    assert "runner.py" in names
    assert not names & {"cli.py", "named.py"}
