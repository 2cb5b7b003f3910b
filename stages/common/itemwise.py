"""Per-item work inside one DVC stage: skip what stands, keep what is done, record what failed.

A stage with one output folder for thousands of videos hands its items to `run`. An item's key is a hash of all that
its files depend on; an item whose key stands in the manifest is skipped, whatever files exist. Files are written in a
scratch folder and moved into place one item at a time, and each finished item is a line in a journal, so a kill at any
instant loses at most the items in flight. An incremental run leaves the same bytes as a run from scratch.
"""

import errno
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.code import code_digest
from stages.common.errors import Failed, Rejected, StageError
from stages.common.files import digest, safe_id
from stages.common.manifest import SCRATCH, Folder, Row
from stages.common.params import Base


@dataclass(frozen=True)
class Item:
    """One unit of work: `id` names its files, `digest` stands for its input's content, `data` goes to the worker."""

    id: str
    digest: str
    data: dict[str, Any] = field(default_factory=dict)


# Fills the scratch folder with the item's files. Raises Rejected for an item that is not wanted, Failed (or anything
# else) for one that could not be made, StageError when no item can be made.
Work = Callable[[Item, Path], None]


def run(
    items: Sequence[Item],
    work: Work,
    *,
    package: str,
    out: Path,
    files: Sequence[str],
    params: Any,
    base: Base,
    revision: str = "",
    rules: Any = None,
    version: str | None = None,
) -> tuple[pd.DataFrame, int]:
    """Bring the folder `out` up to date with `items`; return its manifest and how many items were processed.

    Args:
        items: what the folder should hold; ids must differ.
        work: called as work(item, scratch); must be picklable; writes each of `files` below `scratch`.
        package: the stage's package, `stages.x`; its syntax tree is part of every key.
        files: templates of an item's files below `out`, with `{id}`; at most two.
        params: whatever the result depends on, as a pydantic block or JSON value.
        base: jobs, backend and the share of failures that is tolerated.
        revision: identity of a model or table used for all items.
        rules: what only rejections rest on, as a JSON value: when it changes, rejected items are looked at anew and
            finished ones stand.
        version: stands for the code in keys where given, for what costs too much to make anew for each edit; to be
            raised by hand when the code makes other files of the same input.

    Raises StageError when an id repeats, when the disk is full, or when more than `base.max_failed` of the items
    failed; finished items are kept in every case.
    """
    if len({item.id for item in items}) != len(items):
        twice = Counter(item.id for item in items).most_common(1)[0][0]
        raise StageError(f"{out}: two items are called '{twice}': give each its own id")
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / SCRATCH, ignore_errors=True)
    folder = Folder(out, files)
    code = code_digest(package) if version is None else version
    keys = {item.id: _key(item, params, code, revision) for item in items}
    bar = json.dumps(rules, sort_keys=True)
    bars = {name: hashlib.sha256(f"{key} {bar}".encode()).hexdigest() for name, key in keys.items()}
    rows = folder.recorded()
    folder.prune(set(rows) - set(keys))
    todo = [item for item in items if not folder.stands(rows.get(item.id), keys[item.id], bars[item.id])]
    standing = {name: row for name, row in rows.items() if name in keys}
    for item in todo:
        standing.pop(item.id, None)
    for result in _results(todo, work, keys, bars, folder, base, package):
        standing[result.id] = folder.accept(result)
    shutil.rmtree(out / SCRATCH, ignore_errors=True)
    manifest = folder.close(standing)
    _check_failures(manifest, out, base)
    return manifest, len(todo)


def _key(item: Item, params: Any, code: str, revision: str) -> str:
    values = params.model_dump() if hasattr(params, "model_dump") else params
    parts = [item.id, item.digest, values, code, revision]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _results(
    todo: list[Item],
    work: Work,
    keys: dict[str, str],
    bars: dict[str, str],
    folder: Folder,
    base: Base,
    package: str,
) -> Iterator[Row]:
    """Yield each item's row as its worker ends, under a progress bar."""
    from joblib import Parallel, delayed, parallel_config
    from tqdm import tqdm

    if not todo:
        return
    _register(base.backend)
    with (
        parallel_config(backend=base.backend, n_jobs=base.jobs),
        tqdm(total=len(todo), desc=package.removeprefix("stages."), unit="item") as bar,
    ):
        calls = (delayed(_attempt)(item, work, keys[item.id], bars[item.id], folder.out, folder.files) for item in todo)
        for row in Parallel(return_as="generator_unordered", batch_size=1)(calls):
            bar.update()
            if row.status != "ok":
                bar.write(
                    f"{package.removeprefix('stages.')}: {row.id} {row.status}: {row.reason} {row.error}".rstrip()
                )
            yield row


def _register(backend: str) -> None:
    """Make joblib know a cluster's backend; raises StageError where its package is missing."""
    try:
        if backend == "ray":
            from ray.util.joblib import register_ray

            register_ray()
        elif backend == "dask":
            import distributed  # noqa: F401
    except ImportError:
        raise StageError(f"base.backend is '{backend}' but it is not installed: pip install '{backend}'") from None


def _attempt(item: Item, work: Work, key: str, bar: str, out: Path, files: Sequence[str]) -> Row:
    """Do one item in a worker. An error becomes a row, except what would spoil every item after it: a StageError (the
    stage cannot go on) and a full disk."""
    scratch = out / SCRATCH / safe_id(item.id)
    shutil.rmtree(scratch, ignore_errors=True)
    for template in files:
        (scratch / template.format(id=item.id)).parent.mkdir(parents=True, exist_ok=True)
    try:
        work(item, scratch)
        digest_of_files = digest(*(scratch / template.format(id=item.id) for template in files))
        return Row(item.id, "ok", "", "", key, digest_of_files)
    except Rejected as rejected:
        return Row(item.id, "rejected", rejected.reason, _line(rejected.message, scratch), bar, "")
    except StageError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        reason = error.reason if isinstance(error, Failed) else type(error).__name__
        return Row(item.id, "failed", reason, _line(str(error), scratch), key, "")


def _line(message: str, scratch: Path) -> str:
    """`message` on one line of bounded length, without this machine's path."""
    return " ".join(message.replace(str(scratch), ".").split())[:300]


def _check_failures(manifest: pd.DataFrame, out: Path, base: Base) -> None:
    failed = manifest[manifest.status == "failed"]
    if len(failed) > base.max_failed * len(manifest):
        first = failed.iloc[0]
        raise StageError(
            f"{out}: {len(failed)} of {len(manifest)} items failed, more than base.max_failed = {base.max_failed:g}; "
            f"first: {first.id}: {first.reason}: {first.error}; finished items are kept, failed ones are tried again "
            "at the next run"
        )
