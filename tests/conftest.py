"""Shared fixtures."""

import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")
if "PYTEST_XDIST_WORKER" in os.environ:  # a worker for each core: threads of numeric libraries would crowd each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import pytest
from browser import Browser
from loopback import Site
from recording import noise, record

pytest_plugins = ["exported", "lexicons", "training", "scratch", "videos_run", "fuzzing"]
ROOT = Path(__file__).resolve().parent.parent
if "PYTEST_XDIST_WORKER" in os.environ:
    cv2.setNumThreads(1)


def pytest_collection_modifyitems(items):
    """Put files in the order in which workers should take them: the one that makes the finished clone, slow ones, those
    that want the clone, and what is quick."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    wants = {item.path for item in items if "finished" in item.fixturenames}

    def place(item):
        return (item.path.name != "test_pipeline.py", item.path not in slow, item.path in wants)

    items.sort(key=place)


@pytest.fixture
def stage_params():
    """Return the parameters of a stage in the committed params.yaml, with overrides."""
    from stages.common.stage.params import load_params

    def params(name, **changes):
        found, _ = load_params(name, ROOT / "params.yaml")
        return found.model_copy(update=changes)

    return params


@pytest.fixture(scope="session")
def repository(tmp_path_factory):
    """A repository for `dvc exp run`, after which parameters are checked."""
    from repository import Repository

    return Repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture
def base():
    """The parameters `base`, for work in this process."""
    from stages.common.stage.params import load_params

    base = load_params("base", ROOT / "params.yaml")[1]
    return base.model_copy(update={"jobs": 1, "backend": "sequential"})


@pytest.fixture
def site(tmp_path):
    (tmp_path / "site").mkdir()
    site = Site(tmp_path / "site")
    yield site
    site.server.shutdown()
    site.server.server_close()


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    """A tab of a headless Chromium for the tests of a file."""
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def film(tmp_path):
    """Write a short film with sound below the site's folder, or anywhere."""

    def write(path, seconds=3.0, sound=True):
        return record(tmp_path / path, noise(int(seconds * 25)), sound=sound)

    return write


@pytest.fixture
def catalog(tmp_path):
    """Write a catalog: name of the list (FIELD lists with a slash) to its lines."""

    def write(**lists):
        folder = tmp_path / "catalog"
        for name, lines in lists.items():
            path = folder / f"{name.replace('__', '/')}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines))
        return folder

    return write


@pytest.fixture
def params(stage_params):
    """The parameters of `videos`, for short films and quick retries."""
    return stage_params("videos", min_duration_s=1.0, retries=2, backoff_s=0.01, timeout_s=5.0)
