"""Logging: everything that stages and libraries log goes to a file per run; what matters is shown once on the terminal.

Worker processes write to the same file. They begin with nothing but an import, so an environment variable names the
log of the run, and importing stages.common joins it (`join_log`).
"""

import hashlib
import logging
import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from stages.common.paths import LOGS_DIR

KEPT = 20  # logs of a stage
VARIABLE = "QUILT_LOG"  # a run's log, its title, and "verbose" or nothing, a line each
WIDTH = 300  # letters of a line on the terminal

# Not shown on the terminal: warnings for developers, and lines of libraries that are known to be harmless here.
NOISE = re.compile(
    r"py\.warnings: (Future|Deprecation|PendingDeprecation|Resource|Import|Syntax)Warning: "
    r"|py\.warnings: UserWarning: torchcodec is not installed correctly"  # sound is decoded by PyAV
    r"|py\.warnings: UserWarning: Unused augmentation cfg items.*\['color_jitter', 'color_jitter_prob'\]"  # it is used
    r"|transformers\S*: Some weights of .* were not used when initializing BertModel: \['pooler"  # CLIP has its own
    r"|transformers\S*: `loss_type=None` was set"
    r"|whisperx\S*: No active speech found|yt_dlp: "  # the manifest has these
)
PLACE = re.compile(r" \(\S+:\d+\)$")  # where in the code a warning was given


@contextmanager
def logged(title: str, verbose: bool) -> Iterator[None]:
    """Keep a log of one run of a stage, and of its workers, in LOGS_DIR; the oldest of many goes."""
    LOGS_DIR.mkdir(parents=True, exist_ok=True)
    for old in sorted(LOGS_DIR.glob(f"{title}.*.log"))[: 1 - KEPT]:
        old.unlink(missing_ok=True)
        shutil.rmtree(_shown_folder(old), ignore_errors=True)
    path = LOGS_DIR.resolve() / f"{title}.{datetime.now():%Y%m%dT%H%M%S}.{os.getpid()}.log"
    _shown_folder(path).mkdir()
    os.environ[VARIABLE] = "\n".join([str(path), title, "verbose" if verbose else ""])
    join_log()
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        shutil.rmtree(_shown_folder(path), ignore_errors=True)


def join_log() -> None:
    """Send what this process logs to the log of the run that it belongs to, if there is one."""
    if not (path := log_file()):
        return
    _, title, verbose = os.environ[VARIABLE].split("\n")
    file, terminal = _File(path, encoding="utf-8"), _Terminal()
    file.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    terminal.setFormatter(_OneLine(title))
    if not verbose:
        first = os.environ.get("RANK", "0") == "0"  # of several processes that torchrun started
        terminal.setLevel(logging.WARNING if first else logging.ERROR)
        terminal.addFilter(_Once(_shown_folder(path)))
    logging.basicConfig(level=logging.INFO, handlers=[file, terminal], force=True)
    logging.setLoggerClass(_PropagatingLogger)
    logging.captureWarnings(True)
    warnings.simplefilter("default")
    warnings.formatwarning = _with_place


def log_file() -> Path | None:
    """The log of the run that this process belongs to; None where there is none, as on another machine that does not
    see it."""
    path = os.environ.get(VARIABLE, "").partition("\n")[0]
    return Path(path) if path and Path(path).parent.is_dir() else None


class _PropagatingLogger(logging.Logger):
    """A logger that uses the root's handlers alone, even where its library adds a terminal handler."""

    @property
    def propagate(self) -> bool:
        return True

    @propagate.setter
    def propagate(self, value: bool) -> None: ...

    def addHandler(self, hdlr: logging.Handler) -> None:
        if isinstance(hdlr, logging.FileHandler) or not isinstance(hdlr, logging.StreamHandler):
            super().addHandler(hdlr)


class _File(logging.FileHandler):
    """Is silent where nothing can be written: the stage says so, too, and in one line."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)


class _Terminal(logging.Handler):
    """Writes above a progress bar, not into it."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        tqdm.write(self.format(record), file=sys.stderr)


class _OneLine(logging.Formatter):
    """`stage: warning: message`, without line breaks, in bounded length."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title

    def format(self, record: logging.LogRecord) -> str:
        return f"{self.title}: {record.levelname.lower()}: {_line(record)}"[:WIDTH]


class _Once(logging.Filter):
    """Lets each line pass once in all processes of a run: the first process that logs it makes a file in `shown`."""

    def __init__(self, shown: Path) -> None:
        super().__init__()
        self.shown = shown

    def filter(self, record: logging.LogRecord) -> bool:
        line = _line(record)
        if NOISE.match(f"{record.name}: {line}"):
            return False
        try:
            (self.shown / hashlib.sha256(line.encode(errors="replace")).hexdigest()[:32]).touch(exist_ok=False)
        except OSError:
            return False
        return True


def _line(record: logging.LogRecord) -> str:
    return " ".join(PLACE.sub("", record.getMessage()).split())


def _shown_folder(log: Path) -> Path:
    return log.with_suffix(".shown")


def _with_place(message: Any, category: type[Warning], filename: str, lineno: int, line: str | None = None) -> str:
    return f"{category.__name__}: {message} ({Path(filename).as_posix().replace(' ', '_')}:{lineno})"
