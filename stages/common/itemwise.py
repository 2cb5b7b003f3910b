"""Per-item work inside one DVC stage: skip what stands, keep what is done, record what failed.

A stage with one output folder for thousands of videos hands its items to `run`. An item's key is a hash of all that
its files depend on; an item whose key stands in the manifest is skipped, whatever files exist. Files are written in a
scratch folder and moved into place one item at a time, and each finished item is a line in a journal, so a kill at any
instant loses at most the items in flight. An incremental run leaves the same bytes as a run from scratch.
"""

import errno
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.code import code_digest
from stages.common.errors import Failed, Rejected, StageError
from stages.common.files import digest, safe_id, write_table
from stages.common.params import Base

MANIFEST = "manifest.parquet"
JOURNAL = "journal.jsonl"
SCRATCH = ".scratch"


@dataclass(frozen=True)
class Item:
    """One unit of work: `id` names its files, `digest` stands for its input's content, `data` goes to the worker."""

    id: str
    digest: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One line of the manifest. `status` is ok, rejected or failed; `digest` covers the item's files."""

    id: str
    status: str
    reason: str
    error: str
    key: str
    digest: str


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
    folder = _Folder(out, files)
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


def read_manifest(folder: Path) -> pd.DataFrame:
    """Return the manifest in `folder`; raises StageError where a stage has not run."""
    path = folder / MANIFEST
    if not path.exists():
        raise StageError(f"{path} not found: run the stage that makes {folder} first (`dvc repro`)")
    return pd.read_parquet(path)


def finished(folder: Path) -> pd.DataFrame:
    """Return the rows of `folder`'s manifest whose status is ok."""
    manifest = read_manifest(folder)
    return manifest[manifest.status == "ok"].reset_index(drop=True)


def counts(manifest: pd.DataFrame) -> dict[str, Any]:
    """Return the metrics every per-item stage reports: items by status, and rejected and failed ones by reason."""
    by_status = {status: int((manifest.status == status).sum()) for status in ("ok", "rejected", "failed")}
    reasons = manifest[manifest.status != "ok"].groupby("reason").size()
    return {"items": len(manifest), **by_status, "reasons": {str(k): int(v) for k, v in reasons.items()}}


def _key(item: Item, params: Any, code: str, revision: str) -> str:
    values = params.model_dump() if hasattr(params, "model_dump") else params
    parts = [item.id, item.digest, values, code, revision]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class _Folder:
    """The output folder: its manifest, its journal and the files of its items."""

    def __init__(self, out: Path, files: Sequence[str]) -> None:
        self.out = out
        self.files = files

    def recorded(self) -> dict[str, Row]:
        """Rows of the manifest, overruled by what an interrupted run noted in the journal."""
        rows: dict[str, Row] = {}
        if (self.out / MANIFEST).exists():
            table = pd.read_parquet(self.out / MANIFEST)
            rows = {str(record["id"]): Row(**record) for record in table.to_dict("records")}
        for entry in self._journal():
            if entry["key"] is None:
                rows.pop(entry["id"], None)
            else:
                rows[entry["id"]] = Row(**entry)
        return rows

    def _journal(self) -> Iterator[dict[str, Any]]:
        path = self.out / JOURNAL
        if not path.exists():
            return
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                return  # the line being written when the process was killed

    def note(self, entry: dict[str, Any]) -> None:
        """Append one line to the journal and force it to disk."""
        with (self.out / JOURNAL).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def paths(self, name: str) -> list[str]:
        """Paths of the item's files, below the output folder."""
        return [template.format(id=name) for template in self.files]

    def stands(self, row: Row | None, key: str, bar: str) -> bool:
        """True when the recorded row is final, made under this key, and its files are there."""
        if row is None or row.status == "failed":
            return False
        if row.status == "rejected":
            return row.key == bar
        return row.key == key and all((self.out / path).exists() for path in self.paths(row.id))

    def prune(self, gone: set[str]) -> None:
        """Remove the files of items that left the input."""
        for name in sorted(gone):
            self.note({"id": name, "key": None})
            for path in self.paths(name):
                (self.out / path).unlink(missing_ok=True)

    def accept(self, row: Row) -> Row:
        """Move a worker's files into place. The journal first forgets the item, so a kill between two renames is
        seen as an item not done."""
        self.note({"id": row.id, "key": None})
        for path in self.paths(row.id):
            target = self.out / path
            if row.status == "ok":
                target.parent.mkdir(parents=True, exist_ok=True)
                (self.out / SCRATCH / row.id / path).replace(target)
            else:
                target.unlink(missing_ok=True)
        shutil.rmtree(self.out / SCRATCH / row.id, ignore_errors=True)
        self.note(asdict(row))
        return row

    def close(self, rows: dict[str, Row]) -> pd.DataFrame:
        """Write the manifest, remove the journal and every file that no row accounts for."""
        columns = list(Row.__dataclass_fields__)
        manifest = pd.DataFrame([asdict(rows[name]) for name in sorted(rows)], columns=columns).astype("string")
        write_table(self.out / MANIFEST, manifest)
        (self.out / JOURNAL).unlink(missing_ok=True)
        known = {path for row in rows.values() if row.status == "ok" for path in self.paths(row.id)}
        for folder in {Path(template).parent for template in self.files}:
            for path in (self.out / folder).glob("*"):
                if self._is_item_file(path) and path.relative_to(self.out).as_posix() not in known:
                    path.unlink()
        return manifest

    def _is_item_file(self, path: Path) -> bool:
        inside = path.relative_to(self.out).as_posix()
        return (
            path.is_file()
            and inside != MANIFEST
            and any(
                inside.endswith(template.split("{id}")[1]) and Path(template).parent == Path(inside).parent
                for template in self.files
            )
        )


def _results(
    todo: list[Item],
    work: Work,
    keys: dict[str, str],
    bars: dict[str, str],
    folder: _Folder,
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
