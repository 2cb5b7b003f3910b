"""What was made goes from clone to clone through remotes of every kind, and each output only to who may have it."""

import contextlib
import os
import re
import shutil
import subprocess
import sys

import dvc.api
import pytest
from conftest import ROOT
from dvc.cli import main
from dvc.repo import Repo
from dvc.repo.artifacts import Artifacts
from stores import BUCKET, KEYS, WebStore, s3

from stages.common.data.files import read_yaml

LEVELS = ("public", "gated", "private")
PIPELINE = """\
stages:
  videos:
    cmd: mkdir -p videos && for n in 1 2 3 4 5 6; do echo "${seed} $n" > videos/$n; done
    params: [seed]
    outs: [videos: {persist: true, remote: private}]
  dataset:
    cmd: mkdir dataset && cat videos/* > dataset/all && head -c 9000000 /dev/zero > dataset/shard
    deps: [videos]
    outs: [dataset: {remote: gated}]
  model:
    cmd: wc -c dataset/all > model
    deps: [dataset]
    outs: [model]
artifacts:
  model: {path: model, type: model}
"""
OUTPUTS = ("videos", "dataset", "model")
GIT = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture(scope="module", autouse=True)
def environment():
    """Nobody's keys for S3, a name for Git."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (KEYS | GIT | {"GIT_CONFIG_GLOBAL": os.devnull}).items():
            patch.setenv(name, value)
        yield


def git(folder, *command):
    return subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def repository(folder):
    """The DVC repository of a clone, from inside of it."""
    with contextlib.chdir(folder), Repo() as repo:
        yield repo


def configure(folder, change):
    """Edit the DVC configuration of one clone."""
    with Repo(folder) as repo, repo.config.edit("local") as config:
        change(config)


def use(folder, store):
    """Let the remotes of a clone be parts of one store, whose settings are given."""

    def change(config):
        config["remote"] = {level: store | {"url": f"{store['url']}/{level}"} for level in LEVELS}

    configure(folder, change)


def made(folder):
    """What a pipeline made: the bytes of its outputs, and its lock."""
    files = [path for name in OUTPUTS for path in (folder / name, *(folder / name).rglob("*")) if path.is_file()]
    return {path.relative_to(folder): path.read_bytes() for path in [*files, folder / "dvc.lock"]}


def objects(store):
    """The digests of what lies in a folder or its parts as DVC's objects."""
    return {f"{path.parent.name}{path.name}" for path in store.rglob("*") if path.parent.parent.name == "md5"}


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A pipeline that has run, with our remotes; nobody changes it."""
    folder = tmp_path_factory.mktemp("origin") / "clone"
    folder.mkdir()
    git(folder, "init", "-q")
    Repo.init(folder).close()
    (folder / ".dvc/config").write_text((ROOT / ".dvc/config").read_text())
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "params.yaml").write_text("seed: 1\n")
    with repository(folder) as repo:
        repo.reproduce()
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "made")
    return folder


@pytest.fixture
def clone(origin, tmp_path):
    """Make a clone of the origin."""

    def make(name):
        git(tmp_path, "clone", "-q", str(origin), name)
        return tmp_path / name

    return make


@pytest.fixture
def sender(origin, clone):
    """A clone with what was made."""
    folder = clone("sender")
    configure(folder, lambda config: config["cache"].update(dir=str(origin / ".dvc/cache")))
    with repository(folder) as repo:
        repo.checkout()
    return folder


@pytest.fixture
def stores(tmp_path):
    """By kind: the settings of a remote as a sender and as a receiver has them."""

    @contextlib.contextmanager
    def folder():
        yield {"url": str(tmp_path / "store")}, {"url": str(tmp_path / "store")}

    @contextlib.contextmanager
    def bucket():
        with s3(tmp_path / "moto.log") as url:
            yield ({"url": f"s3://{BUCKET}/quilt1m", "endpointurl": url},) * 2

    @contextlib.contextmanager
    def web(writable):
        server = WebStore(tmp_path / "store", writable)
        there = {"url": server.url}
        yield there | {"method": "PUT"} if writable else {"url": str(tmp_path / "store")}, there
        server.close()

    return {"folder": folder, "s3": bucket, "http, taking": lambda: web(True), "http, giving": lambda: web(False)}


@pytest.mark.parametrize("kind", ["folder", "s3", "http, taking", "http, giving"])
def test_a_clone_gets_the_same_bytes_and_has_nothing_to_run(sender, clone, stores, kind):
    receiver = clone("receiver")
    with stores[kind]() as (sending, receiving):
        use(sender, sending)
        use(receiver, receiving)
        with repository(sender) as repo:
            assert repo.push() > 0
        with repository(receiver) as repo:
            repo.pull()
            assert repo.reproduce() == []
    assert made(receiver) == made(sender)


def test_a_push_that_was_killed_goes_on_and_nothing_half_is_taken_for_whole(origin, sender, clone, tmp_path):
    cache, store, receiver = origin / ".dvc/cache", tmp_path / "store", clone("receiver")
    server = WebStore(store, writable=True, most=4)
    use(sender, {"url": server.url, "method": "PUT"})
    push = subprocess.Popen([sys.executable, "-m", "dvc", "push", "-q", "-j", "1"], cwd=sender)
    assert server.full.wait(60)
    push.kill()
    push.wait()
    server.close()
    assert 0 < len(objects(store)) < len(objects(cache))
    assert not any(name.endswith(".dir") for name in objects(store)), "a folder is listed when all its files are there"
    for folder in (sender, receiver):
        use(folder, {"url": str(store)})
    with repository(sender) as repo:
        repo.push()
    with repository(receiver) as repo:
        repo.pull()
        assert repo.reproduce() == []
    assert made(receiver) == made(sender)


def test_another_repository_gets_imports_and_opens_an_output(sender, clone, tmp_path):
    with repository(sender) as repo:
        repo.push()
    assert dvc.api.read("dataset/all", repo=str(sender)) == (sender / "dataset/all").read_text()
    other = tmp_path / "other"
    other.mkdir()
    Repo.get(str(sender), "model", out=str(other / "model"))
    assert (other / "model").read_bytes() == (sender / "model").read_bytes()
    with Repo.init(other, no_scm=True) as repo:
        repo.imp(str(sender), "dataset", out=str(other / "dataset"))
    assert (other / "dataset/all").read_bytes() == (sender / "dataset/all").read_bytes()
    commit = read_yaml(other / "dataset.dvc")["deps"][0]["repo"]["rev_lock"]
    assert commit == git(sender, "rev-parse", "HEAD")


def test_an_artifact_is_found_by_the_tag_of_its_version(sender, tmp_path, monkeypatch):
    git(sender, "tag", "-a", "model@v1.0.0", "-m", "first")
    with repository(sender) as repo:
        repo.push("model")
    monkeypatch.chdir(tmp_path)
    Artifacts.get(str(sender), "model", version="v1.0.0", out="model")
    assert (tmp_path / "model").read_bytes() == (sender / "model").read_bytes()


def objects_of(folder, name):
    """The digests of the objects that an output consists of."""
    with repository(folder) as repo:
        used = repo.used_objs(targets=[name])
    return {entry.value for entries in used.values() for entry in entries}


def test_each_output_goes_to_the_remote_that_its_line_names(sender, clone, tmp_path):
    """Ours, folders beside the clone. A push to a public remote takes along nothing else, not even when it is named."""
    expected = {level: objects_of(sender, name) for name, level in zip(OUTPUTS, reversed(LEVELS), strict=True)}
    place = tmp_path / "quilt1m-remote"
    with repository(sender) as repo:
        repo.push(targets=["videos", "dataset"], remote="public")
        assert objects(place) == set()
        repo.push()
    assert {level: objects(place / level) for level in LEVELS} == expected
    other = tmp_path / "hub"
    configure(sender, lambda config: config["remote"].update(hub={"url": str(other)}))
    with repository(sender) as repo:
        repo.push(remote="hub")
    assert objects(other) == expected["public"]


def test_who_has_the_public_remote_alone_gets_what_is_public(sender, clone, tmp_path):
    with repository(sender) as repo:
        repo.push()
    receiver = clone("receiver")
    shutil.rmtree(tmp_path / "quilt1m-remote/gated")
    shutil.rmtree(tmp_path / "quilt1m-remote/private")
    with repository(receiver) as repo:
        repo.pull(remote="public", allow_missing=True)
    assert [name for name in OUTPUTS if (receiver / name).exists()] == ["model"]


def test_only_what_is_listed_here_is_public_in_our_pipeline():
    """An output that is new fails this test until somebody has thought about who may have it."""
    with repository(ROOT) as repo:
        outputs = {out.def_path: out.remote for stage in repo.index.stages for out in stage.outs if out.use_cache}
    ours = {path: level for path, level in outputs.items() if not path.startswith("data/demo/")}
    assert set(ours.values()) == {None, "gated", "private"}
    assert {path for path, level in ours.items() if level is None} == {
        *("data/preflight", "models/frame_filter", "models/magnification", "models/quiltnet"),
        *("reports/plots/charts", "reports/tables"),
        *("reports/plots/vega.js", "reports/plots/quiltnet.csv", "reports/live/quiltnet/plots/metrics"),  # numbers
        *(path for path in ours if path.startswith("reports/metrics/")),
    }
    per_video = {f"data/{name}" for name in ("videos", "keyframes", "transcripts", "rois", "captions")}
    sources = {f"data/sources/{name}" for name in ("pubmed", "openpath", "laion", "table")}
    assert {ours[path] for path in (*per_video, *sources, "reports/keyframes", "reports/review.html")} == {"private"}


@pytest.fixture
def documented():
    """The commands of docs/sharing.md that begin with some words."""
    text = (ROOT / "docs/sharing.md").read_text()

    def find(start):
        lines = [line for block in re.findall(r"```console\n(.*?)```", text, re.S) for line in block.splitlines()]
        return [line.removeprefix("$ ").split("  #")[0].strip() for line in lines if line.startswith(f"$ {start}")]

    return find


def test_collecting_garbage_keeps_what_commits_and_experiments_need(clone, documented):
    folder = clone("worked")
    with repository(folder) as repo:
        repo.reproduce()
        kept = objects(folder / ".dvc/cache")
        repo.experiments.run(params=["seed=2"], name="kept")
        kept = objects(folder / ".dvc/cache")
        repo.experiments.run(params=["seed=3"], name="gone")
        repo.experiments.remove(["gone"])
    git(folder, "checkout", "-q", ".")
    with repository(folder) as repo:
        repo.checkout(force=True)
    everything = objects(folder / ".dvc/cache")
    (command,) = documented("dvc gc --all")
    assert kept < everything
    with contextlib.chdir(folder):
        assert main([*command.split()[1:], "--force"]) == 0
    assert objects(folder / ".dvc/cache") == kept
