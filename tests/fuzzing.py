"""Fuzzing: how many cases, and what no case may do.

`short` is part of the tests and the same each time; `make fuzz` takes `long`, with CASES for each parser.
"""

import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from stages.common.errors import StageError

CPU_S = 5.0  # that one case may take: inputs are of a few kilobytes
GROWTH_MB = 1500  # by which the process may grow in a test: images of 64 million pixels are taken
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PATHS = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.truncate")
RUNS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pickle.find_class")
REACHES = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind", "urllib.Request")
LONGEST = 5000  # letters of a message

common = {"database": None, "deadline": None, "print_blob": True, "suppress_health_check": list(HealthCheck)}
settings.register_profile("short", max_examples=10, derandomize=True, **common)
settings.register_profile("long", max_examples=int(os.environ.get("CASES", "4000")), **common)
settings.load_profile("short")


class Watch:
    """Sees what this process does while a case is read, and remembers what no parser may do."""

    def __init__(self):
        self.room = None  # the folder in which files may be written, while a case is read
        self.breaches = []
        sys.addaudithook(self._hook)

    def _hook(self, event, args):
        if self.room is None:
            return
        if event == "open":
            path, _, flags = args
            if isinstance(path, str | bytes | os.PathLike) and flags & WRITES and not self._inside(path):
                self.breaches.append((event, path))
        elif event in PATHS and not self._inside(args[0]):
            self.breaches.append((event, args[0]))
        elif event in (*RUNS, *REACHES):
            self.breaches.append((event, str(args)[:200]))

    def _inside(self, path):
        if isinstance(path, int):
            return True
        whole = Path(os.path.normpath(Path(self.room) / os.fsdecode(path)))
        return whole.is_relative_to(self.room) or whole.is_relative_to(TEMPORARY)


class Fuzz:
    """Reads cases, each twice in a folder of its own, and counts them."""

    def __init__(self, watch):
        self._watch = watch
        self.cases = 0

    def __call__(self, read, files=None, allowed=()):
        """Check what `read`, given a folder with `files` (name to bytes), comes to: a value, or an error that is
        StageError or one of `allowed`, on one line; the same when read again, in time, and with nothing written outside
        of it."""
        self.cases += 1
        room = tempfile.mkdtemp(dir=MEMORY)
        try:
            for name, data in (files or {}).items():
                path = Path(room, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            first = self._outcome(read, Path(room), allowed)
            assert self._outcome(read, Path(room), allowed) == first
        finally:
            shutil.rmtree(room)
        return first

    def _outcome(self, read, folder, allowed):
        began = time.process_time()
        self._watch.room, self._watch.breaches = str(folder), []
        try:
            value = read(folder)
            said = repr(value)
        except (StageError, *allowed) as error:
            value, said = error, f"{type(error).__name__}: {error}"
            assert "\n" not in str(error)
            assert str(error)
            assert len(str(error)) < LONGEST
        finally:
            self._watch.room = None
        assert self._watch.breaches == []
        assert time.process_time() - began < CPU_S
        return said


TEMPORARY = tempfile.gettempdir()  # libraries may write there
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@pytest.fixture(scope="session")
def watch():
    return Watch()


@pytest.fixture
def fuzz(watch, request):
    """A function that reads cases (see Fuzz)."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = Fuzz(watch)
    yield found
    request.node.user_properties.append(("cases", found.cases))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000
    assert grown < GROWTH_MB


def pytest_terminal_summary(terminalreporter):
    ends = [dict(report.user_properties) for report in terminalreporter.getreports("") if report.when == "teardown"]
    if counts := [end["cases"] for end in ends if "cases" in end]:
        terminalreporter.write_line(f"fuzz: {sum(counts):,} cases of {len(counts)} parsers")
