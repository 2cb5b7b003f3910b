"""Per-item work inside one DVC stage: skip what is up to date, keep what is done, record what failed.

A stage with one output folder for thousands of videos hands its items to `run_items`. An item key is a hash of all
that the item's files depend on; an item is skipped if it was made under its key and its files are those that were
written then. Files are written in a scratch folder and moved into place one item at a time, and each finished item is a
line in a journal, so a kill at any instant loses at most the items in flight. An item that crashes, hangs or takes too
much memory fails alone (`workers.py`). An incremental run leaves the same bytes as a run from scratch.
"""

import errno
import functools
import hashlib
import json
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from stages.common.data.files import SURROGATE, digest, safe_id
from stages.common.errors import Failed, Rejected, StageError
from stages.common.incremental.dependencies import Dependencies
from stages.common.incremental.manifest import SCRATCH, Folder, Row, Template, choices, files_of
from stages.common.incremental.process import Call, Lost
from stages.common.incremental.workers import run_calls
from stages.common.models.device import cores
from stages.common.stage.params import Base


@dataclass(frozen=True)
class Item:
    """One unit of work: `id` names its files, `digest` stands for its input's content, `data` goes to the worker."""

    id: str
    digest: str
    data: dict[str, Any] = field(default_factory=dict)


# Fills the scratch folder with the item's files. Raises Rejected for an item that is not wanted, Failed (or any other
# error) for one that could not be made, StageError when no item can be made.
Work = Callable[[Item, Path], None]


def run_items(
    items: Sequence[Item],
    work: Work,
    *,
    name: str,
    out: Path,
    files: Sequence[Template],
    keys: Path,
    needs: Dependencies,
    base: Base,
    device: str = "cpu",
    media_s: Mapping[str, float] = MappingProxyType({}),
    rules: Any = None,
    force: bool = False,
    recheck: bool = False,
) -> tuple[pd.DataFrame, int]:
    """Bring the folder `out` up to date with `items`; return its manifest and how many items were processed.

    Args:
        items: what the folder should hold; ids must differ.
        work: called as work(item, scratch); must be picklable; writes each of `files` below `scratch`.
        name: for the progress bar and messages.
        out: the folder; it holds the items' files and manifest.parquet.
        files: templates of an item's files below `out`, with `{id}`; at most two. Where the item decides, a tuple
            stands for the one of its templates that is written.
        keys: parquet file outside `out` for the items' keys; its name says which folder it belongs to.
        needs: all that the files depend on besides the items.
        base: jobs, backend, limits of an item and the share of failures that is tolerated.
        device: "cuda" where `work` uses a GPU: then `base.workers_per_gpu` holds.
        media_s: seconds that items' videos last, by id: an item's time limit grows with it.
        rules: what only rejections depend on, as a JSON value: when it changes, rejected items are examined again
            and finished ones stay.
        force: every item is worked on.
        recheck: files are compared by their content, also those whose size and time are as written.

    Raises StageError when an id repeats, or when more than `base.max_failed` of the items
    failed; finished items are kept in every case.
    """
    if len({item.id for item in items}) != len(items):
        twice = Counter(item.id for item in items).most_common(1)[0][0]
        raise StageError(f"{out}: two items are called '{twice}': give each its own id")
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / SCRATCH, ignore_errors=True)
    folder = Folder(out, files, keys)
    made_by = needs.digest()
    item_keys = {item.id: _hash([item.id, item.digest, made_by]) for item in items}
    rejection_keys = {item: _hash([key, rules]) for item, key in item_keys.items()}
    if recheck:
        folder.distrust()
    rows = folder.recorded()
    folder.prune(set(rows) - set(item_keys))
    current = (
        {} if force else _current(folder, {item: rows.get(item) for item in item_keys}, item_keys, rejection_keys, name)
    )
    suspects = folder.suspects(rows)
    todo = sorted((item for item in items if item.id not in current), key=lambda item: item.id in suspects)
    calls = []
    for item in todo:
        do = functools.partial(_attempt, item, work, item_keys[item.id], rejection_keys[item.id], out, files)
        calls.append(Call(item.id, do, base.item_timeout_s + base.item_timeout_factor * media_s.get(item.id, 0.0)))
    with closing(_results(calls, item_keys, folder, base, name, device)) as results:
        for row in results:
            current[row.id] = folder.accept(row)
    shutil.rmtree(out / SCRATCH, ignore_errors=True)
    manifest = folder.close(current)
    check_failures(manifest, out, base)
    return manifest, len(todo)


def _current(
    folder: Folder, rows: dict[str, Row | None], keys: dict[str, str], rejection_keys: dict[str, str], name: str
) -> dict[str, Row]:
    """The rows that stay: made under the item's key, their files as they were written. Files that are not known by
    size and time, after `dvc pull` all of them, are read, as many at once as there are cores."""
    from tqdm import tqdm

    final = [row for item, row in rows.items() if row and folder.is_current(row, keys[item], rejection_keys[item])]
    with ThreadPoolExecutor(cores()) as pool:
        intact = pool.map(lambda row: row.status != "ok" or folder.is_intact(row), final)
        progress = tqdm(
            zip(final, intact, strict=True), total=len(final), desc=f"{name}: checking", delay=5, leave=False
        )
        kept = {}
        for row, whole in progress:
            if whole:
                kept[row.id] = row
            else:
                tqdm.write(f"{name}: {row.id}: its files are gone or were changed by hand: made anew")
    return kept


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _results(
    calls: list[Call], keys: dict[str, str], folder: Folder, base: Base, name: str, device: str
) -> Generator[Row, None, None]:
    """Yield each item's row as its worker ends, under a progress bar."""
    from tqdm import tqdm

    if not calls:
        return
    with tqdm(total=len(calls), desc=name, unit="item") as progress:

        def lost(item: str, why: Lost) -> None:
            progress.write(f"{name}: {item} {why.reason}: {why.message}: tried again, alone, when the others are done")

        with closing(run_calls(calls, base, device, folder.begin, lost)) as results:
            for item, result in results:
                died = isinstance(result, Lost)
                row = Row(item, "failed", result.reason, result.message, keys[item], "") if died else result
                progress.update()
                if row.status != "ok":
                    progress.write(f"{name}: {row.id} {row.status}: {row.reason} {row.error}".rstrip())
                yield row


def _attempt(item: Item, work: Work, key: str, rejection_key: str, out: Path, files: Sequence[Template]) -> Row:
    """Do one item in a worker. An error becomes a row, except one that every item after it would meet: a StageError
    (the stage cannot go on) or a disk on which nothing can be written."""
    scratch = out / SCRATCH / safe_id(item.id)
    shutil.rmtree(scratch, ignore_errors=True)
    for path in (path for template in files for path in choices(template, item.id)):
        (scratch / path).parent.mkdir(parents=True, exist_ok=True)
    try:
        work(item, scratch)
        digest_of_files = digest(*(scratch / file for file in files_of(scratch, files, item.id)))
        return Row(item.id, "ok", "", "", key, digest_of_files)
    except Rejected as rejected:
        reason, message = (_line(said, scratch) for said in (rejected.reason, rejected.message))
        return Row(item.id, "rejected", reason, message, rejection_key, "")
    except StageError:
        raise
    except BaseException as error:  # libraries raise, and code of the user's own, what is no Exception
        if isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            raise  # Ctrl-C, which workers do not hear
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            error.filename = error.filename or str(out)
            raise
        reason = _line(error.reason, scratch) if isinstance(error, Failed) else type(error).__name__
        return Row(item.id, "failed", reason, _line(error, scratch), key, "")


def _line(said: object, scratch: Path) -> str:
    """What an error says, on one line of bounded length, without this machine's path and without halves of characters,
    which a table cannot hold: the name of a file may have them."""
    try:
        text = str(said)
    except Exception:  # whatever a library's error raises instead of saying something
        text = ""
    return " ".join(SURROGATE.sub("\ufffd", text.replace(str(scratch), ".")).split())[:300]


def check_failures(manifest: pd.DataFrame, out: Path, base: Base) -> None:
    """Raise StageError where more than `base.max_failed` of the items of folder `out` failed."""
    failed = manifest[manifest.status == "failed"]
    if len(failed) > base.max_failed * len(manifest):
        first = failed.iloc[0]
        raise StageError(
            f"{out}: {len(failed)} of {len(manifest)} items failed, more than base.max_failed = {base.max_failed:g}; "
            f"first: {first.id}: {first.reason}: {first.error}; finished items are kept, failed ones are tried again "
            "at the next run"
        )
