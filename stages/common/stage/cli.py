"""How every stage starts, reports and ends."""

import argparse
import errno
import json
import logging
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stages.common.errors import StageError
from stages.common.incremental.named import link_named_files
from stages.common.paths import DATA_DIR, LOGS_DIR, MODELS_DIR, REPORTS_DIR, TIMINGS_DIR
from stages.common.stage.logs import logged
from stages.common.stage.params import Base, has_params, load_all_params, load_params

STOPPED = 130  # exit code after Ctrl-C
PATIENCE_S = 10.0  # for a process that is about to end
# Errors of the place where a stage writes, which no item is to blame for, and what to do.
UNWRITABLE = {
    errno.ENOSPC: ("the disk is full at", "free some space"),
    errno.EDQUOT: ("the disk quota is used up at", "free some space"),
    errno.EROFS: ("nothing can be written at", "mount its file system for writing"),
    errno.EACCES: ("permission denied at", "give yourself the right to read and write there"),
    errno.EISDIR: ("there is a folder in place of the file", "move it away"),
    errno.ENOTDIR: ("there is a file in place of a folder of", "move it away"),
}

CACHE = Path(".cache")  # for libraries' caches where HOME cannot be written, as in many containers
CACHES = {"XDG_CACHE_HOME": "", "TORCH_HOME": "torch", "HF_HOME": "huggingface", "MPLCONFIGDIR": "matplotlib"}

log = logging.getLogger(__name__)


def run_stage(
    name: str,
    run: Callable[..., Mapping[str, Any]],
    doc: str | None,
    choices: Sequence[str] = (),
    default: str = "",
    operands: Mapping[str, str] = MappingProxyType({}),
    arguments: Callable[[argparse.ArgumentParser], None] = lambda parser: None,
) -> None:
    """Run one stage from the command line and exit.

    `run(params, base)`, without `params` for a stage that has none, or `run(params, base, choice)` where the stage
    takes one of `choices` (`default` where none is given), does the work and returns counts for the summary line; the
    count called `items` also gives items/s. `operands` says what else a choice takes, and `run` gets that text last,
    None where there is none; `arguments` adds arguments that `run` gets by name. A StageError, or a place that cannot
    be written, ends the process with one line and exit code 1, Ctrl-C with one line and 130.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m stages.{name}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if choices:
        parser.add_argument(
            "what",
            choices=choices,
            nargs="?" if default else None,
            default=default or None,
            help="which part of the stage to make" + (f" (default: {default})" if default else ""),
        )
    for choice, meaning in operands.items():
        parser.add_argument("operand", metavar=meaning.split()[0], nargs="?", help=f"of {choice}: {meaning}")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what the log in reports/logs gets")
    arguments(parser)
    args = parser.parse_args()
    named = {key: value for key, value in vars(args).items() if key not in ("what", "operand", "verbose")}
    if operands and (args.what in operands) != (args.operand is not None):
        parser.error(f"{args.what} takes {operands.get(args.what, 'nothing more')}")
    title = f"{name}@{args.what}" if choices and args.what != default else name
    with _ended_by_one_line(title, name), logged(title, args.verbose), _alone(title):
        started = time.perf_counter()
        first = os.environ.get("RANK", "0") == "0"  # of several processes that torchrun started
        base = load_params("base")[1]
        set_environment(base)
        given = [load_params(name)[0]] if has_params(name) else []
        if first and given:  # a stage without parameters of its own checks everybody's first
            link_named_files(load_all_params())
        positional = [*given, base, *([args.what] if choices else []), *([args.operand] if operands else [])]
        summary = run(*positional, **named)
        if first:
            _report(title, summary, time.perf_counter() - started)


@contextmanager
def _ended_by_one_line(title: str, name: str) -> Iterator[None]:
    """End the process with one line after an error that the user can fix; the log has the traceback of every error."""
    try:
        yield
    except BaseException as error:
        log.info("broken off", exc_info=True)
        _let_go(error)
        if isinstance(error, KeyboardInterrupt):
            print(
                f"{title}: stopped: what is finished is kept: `dvc repro` goes on, `dvc checkout --force` goes back",
                file=sys.stderr,
            )
            sys.exit(STOPPED)
        if isinstance(error, StageError):
            sys.exit(f"{title}: error: {error}")
        if not (cause := _unwritable(error)):
            raise
        what, remedy = UNWRITABLE[cause]
        where = getattr(error, "filename2", None) or getattr(error, "filename", None) or _fullest(name)
        sys.exit(f"{title}: error: {what} {where}: {remedy} and run `dvc repro` again; finished items are kept")


def _let_go(error: BaseException | None) -> None:
    """Drop what the frames of an error hold: libraries complain of files that are open when the process ends."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


@contextmanager
def _alone(title: str) -> Iterator[None]:
    """Keep a second process from the same work: where `dvc` alone was killed, the stage that it ran is still there.
    Raises StageError where there is one; the system lets go of the lock when a process ends, however it ends."""
    from filelock import FileLock, Timeout

    if os.environ.get("RANK", "0") != "0":  # of the processes that torchrun started the first has the lock
        yield
        return
    lock = FileLock(LOGS_DIR / f".{title}.lock", timeout=PATIENCE_S)
    try:
        held = lock.acquire()
    except Timeout:
        raise StageError(
            "another process is running this stage, perhaps left by a dvc that was killed: wait until it has ended, "
            f"or end it (`pgrep -af stages.{title.partition('@')[0]}` names it)"
        ) from None
    with held:
        yield


def _unwritable(error: BaseException | None) -> int | None:
    """The number of UNWRITABLE that is the cause of an error; libraries raise errors of their own types for it."""
    if error is None:
        return None
    if isinstance(error, OSError) and error.errno in UNWRITABLE:
        return error.errno
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        if os.strerror(number) in str(error):
            return number
    return _unwritable(error.__cause__ or error.__context__)


def _fullest(name: str) -> Path:
    """Where stage `name` writes, or the folder for temporary files where that is on a fuller disk; for errors that name
    no file."""
    places = (Path(tempfile.gettempdir()), Path.cwd(), *(root / name for root in (REPORTS_DIR, MODELS_DIR, DATA_DIR)))
    by_disk = {place.stat().st_dev: place for place in places if place.is_dir()}
    return min(by_disk.values(), key=lambda place: shutil.disk_usage(place).free)


def set_environment(base: Base) -> None:
    """Environment variables that libraries read when they are first imported."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    os.environ.setdefault("TQDM_MININTERVAL", "1")
    os.environ.setdefault("PILLOW_BLOCK_SIZE", "64m")  # of so large ones the allocator gives memory back at once
    if base.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    if not _can_be_written(os.path.expanduser("~")):  # noqa: PTH111 - Path.expanduser raises for a nameless user
        for name, folder in CACHES.items():
            os.environ.setdefault(name, str((CACHE / folder).resolve()))


def _can_be_written(folder: str) -> bool:
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _report(title: str, summary: Mapping[str, Any], seconds: float) -> None:
    rate = f", {summary['items'] / seconds:.1f} items/s" if summary.get("items") else ""
    counts = ", ".join(
        f"{value:,} {key}" if isinstance(value, int) else f"{key} {value}" for key, value in summary.items()
    )
    line = f"{title}: {counts}, {seconds:.1f} s{rate}"
    print(line, flush=True)
    log.info(line)
    TIMINGS_DIR.mkdir(parents=True, exist_ok=True)
    (TIMINGS_DIR / f"{title}.json").write_text(json.dumps({"seconds": round(seconds, 2), **summary}, indent=1) + "\n")
