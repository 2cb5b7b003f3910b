"""What was made goes from clone to clone through remotes of every kind, and each output only to who may have it."""

import contextlib
import hashlib
import os
import subprocess
import sys

import dvc.api
import pytest
from conftest import ROOT
from dvc.repo import Repo
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
    subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)


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


def test_a_push_that_was_killed_goes_on_and_nothing_half_is_taken_for_whole(sender, clone, tmp_path):
    server = WebStore(tmp_path / "store", writable=True, most=4)
    use(sender, {"url": server.url, "method": "PUT"})
    push = subprocess.Popen([sys.executable, "-m", "dvc", "push", "-q", "-j", "1"], cwd=sender)
    assert server.full.wait(60)
    push.kill()
    assert push.wait() < 0
    server.close()
    there = objects(tmp_path / "store")
    assert 0 < len(there) < len(objects(sender / ".dvc/cache") or there | {"more"})
    assert not any(name.endswith(".dir") for name in there), "a folder is listed when all its files are there"
    receiver = clone("receiver")
    for folder in (sender, receiver):
        use(folder, {"url": str(tmp_path / "store")})
    with repository(sender) as repo:
        repo.push()
    with repository(receiver) as repo:
        repo.pull()
        assert repo.reproduce() == []
    assert made(receiver) == made(sender)


def test_another_repository_gets_imports_and_opens_an_output(sender, clone, tmp_path):
    with repository(sender) as repo:
        repo.push()
    git(tmp_path, "clone", "-q", "--bare", str(sender), "hub/origin.git")
    assert dvc.api.read("dataset/all", repo=str(sender)) == (sender / "dataset/all").read_text()
    other = tmp_path / "other"
    other.mkdir()
    Repo.get(str(sender), "model", out=str(other / "model"))
    assert (other / "model").read_bytes() == (sender / "model").read_bytes()
    with Repo.init(other, no_scm=True) as repo:
        repo.imp(str(sender), "dataset", out=str(other / "dataset"))
    assert (other / "dataset/all").read_bytes() == (sender / "dataset/all").read_bytes()
    recorded = read_yaml(other / "dataset.dvc")["deps"][0]["repo"]
    assert recorded["rev_lock"] == subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=sender, text=True).strip()
