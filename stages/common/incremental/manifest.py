"""The record of a stage that works item by item: the manifest, the journal of an unfinished run, and items' files."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.data.files import SAFE_ID, digest, parse_json, read_json, write_json
from stages.common.errors import StageError
from stages.common.incremental.process import LOST_REASONS
from stages.common.tables.items import KEYS, MANIFEST, MANIFEST_FILE

JOURNAL = "journal.jsonl"
SCRATCH = ".scratch"
WRITTEN = ".written"  # folder beside the keys: sizes and times of files as this machine wrote or checked them

# Where an item's file lies below its folder, with `{id}`; several where the item decides, as a video on its container.
Template = str | tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """What is known of one item. `status` is ok, rejected or failed; `digest` covers the item's files; `key` is
    the item key they were made under; it is kept apart from the manifest, so that nothing downstream depends on it."""

    id: str
    status: str
    reason: str
    error: str
    key: str
    digest: str


def read_manifest(folder: Path) -> pd.DataFrame:
    """Return the manifest in `folder`; raises StageError where a stage has not run."""
    path = folder / MANIFEST_FILE
    if not path.exists():
        raise StageError(f"{path} not found: run the stage that makes {folder} first (`dvc repro`)")
    return MANIFEST.read(path)


def finished(folder: Path) -> pd.DataFrame:
    """Return the rows of `folder`'s manifest whose status is ok."""
    manifest = read_manifest(folder)
    return manifest[manifest.status == "ok"].reset_index(drop=True)


def counts(manifest: pd.DataFrame) -> dict[str, Any]:
    """Return the metrics every per-item stage reports: items by status, and rejected and failed ones by reason."""
    by_status = {status: int((manifest.status == status).sum()) for status in ("ok", "rejected", "failed")}
    reasons = manifest[manifest.status != "ok"].groupby("reason").size()
    return {"items": len(manifest), **by_status, "reasons": {str(k): int(v) for k, v in reasons.items()}}


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file; an empty one where there is none that can be read."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def choices(template: Template, name: str) -> list[str]:
    """Paths that the file of `template` may have for an item."""
    return [one.format(id=name) for one in ([template] if isinstance(template, str) else template)]


def files_of(folder: Path, templates: Sequence[Template], name: str) -> list[str]:
    """Paths below `folder` of an item's files; of several choices the one that is there."""
    found = []
    for template in templates:
        paths = choices(template, name)
        found.append(next((path for path in paths if (folder / path).exists()), paths[0]))
    return found


class Folder:
    """The output folder: its manifest, its journal and the files of its items; and the table of their keys beside it.

    `keys` is a parquet file of id, key and digest: DVC tracks it, so that keys travel with the data.
    """

    def __init__(self, out: Path, files: Sequence[Template], keys: Path) -> None:
        self.out = out
        self.files = files
        self.keys = keys
        self._written = keys.parent / WRITTEN / f"{keys.stem}.json"
        self._stats: dict[str, list[int]] = read_mapping(self._written)

    def recorded(self) -> dict[str, Row]:
        """Rows of the manifest with their keys, overruled by the journal of an interrupted run. What is no id is left
        out: files are removed by it, and others may have written the folder."""
        rows: dict[str, Row] = {}
        if (self.out / MANIFEST_FILE).exists():
            keys = self._read_keys()
            table = self._read_manifest(keys)
            # A key counts only for files of the digest that it was written with.
            table = table.merge(keys.astype("string"), on=["id", "digest"], how="left").fillna({"key": ""})
            rows = {str(record["id"]): Row(**record) for record in table.to_dict("records")}
        for entry in self._journal():
            if "key" not in entry:
                continue
            if entry["key"] is None:
                rows.pop(entry["id"], None)
            elif entry.keys() == Row.__dataclass_fields__.keys() and all(
                isinstance(one, str) for one in entry.values()
            ):
                rows[entry["id"]] = Row(**entry)
        return {name: row for name, row in rows.items() if SAFE_ID.fullmatch(name)}

    def _read_manifest(self, keys: pd.DataFrame) -> pd.DataFrame:
        """The manifest; if it cannot be read, what the table of keys has of finished items."""
        try:
            return MANIFEST.read(self.out / MANIFEST_FILE, MANIFEST.names)
        except StageError:
            return keys[keys.digest != ""].assign(status="ok", reason="", error="")[MANIFEST.names].astype("string")

    def _read_keys(self) -> pd.DataFrame:
        """The table of keys; an empty one if it cannot be read: everything is then made again."""
        try:
            return pd.read_parquet(self.keys)[KEYS.names]
        except Exception:  # whatever a damaged file makes the reader raise
            return KEYS.frame([])

    def _journal(self) -> Iterator[dict[str, Any]]:
        path = self.out / JOURNAL
        if not path.exists():
            return
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = parse_json(line)
            except ValueError:
                continue  # empty, or being written when the process was killed
            if isinstance(entry, dict) and isinstance(entry.get("id"), str):
                yield entry

    def begin(self, name: str) -> None:
        """Note that an item is being worked on."""
        self.note({"id": name})

    def suspects(self, rows: dict[str, Row]) -> set[str]:
        """Items that cost a worker in an earlier run, or may have ended the whole run: they were being worked on."""
        unfinished: dict[str, bool] = {entry["id"]: "key" not in entry for entry in self._journal()}
        lost = {row.id for row in rows.values() if row.status == "failed" and row.reason in LOST_REASONS}
        return lost | {name for name, begun in unfinished.items() if begun}

    def note(self, entry: dict[str, Any]) -> None:
        """Append one line to the journal and force it to disk."""
        with (self.out / JOURNAL).open("a", encoding="utf-8") as file:
            # On a new line, also after a line that was cut short.
            file.write("\n" + json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def paths(self, name: str) -> list[str]:
        """Paths of the item's files, below the output folder."""
        return files_of(self.out, self.files, name)

    def is_current(self, row: Row | None, key: str, rejection_key: str) -> bool:
        """True when the recorded row was made under this key and is not to be tried again."""
        if row is None or row.status == "failed":
            return False
        return row.key == (rejection_key if row.status == "rejected" else key)

    def is_intact(self, row: Row) -> bool:
        """True when the item's files are those that were written: by size and time of change, or else by content."""
        paths = self.paths(row.id)
        stats = {path: self._stat(path) for path in paths}
        if None in stats.values():
            return False
        if all(self._stats.get(path) == found for path, found in stats.items()):
            return True
        if digest(*(self.out / path for path in paths)) != row.digest:
            return False
        self._stats |= {path: found for path, found in stats.items() if found}
        return True

    def distrust(self) -> None:
        """Forget sizes and times, so that files are compared by their content."""
        self._stats = {}

    def _stat(self, path: str) -> list[int] | None:
        try:
            found = (self.out / path).stat()
        except OSError:
            return None
        return [found.st_size, found.st_mtime_ns]

    def prune(self, removed: set[str]) -> None:
        """Remove the files of items that left the input."""
        for name in sorted(removed):
            self.note({"id": name, "key": None})
            for path in self.paths(name):
                (self.out / path).unlink(missing_ok=True)

    def accept(self, row: Row) -> Row:
        """Move a worker's files into place. The journal first forgets the item, so after a kill between
        two renames the item counts as not done."""
        self.note({"id": row.id, "key": None})
        scratch = self.out / SCRATCH / row.id
        made = files_of(scratch, self.files, row.id) if row.status == "ok" else []
        for path in set(self.paths(row.id)) - set(made):
            (self.out / path).unlink(missing_ok=True)
        for path in made:
            target = self.out / path
            target.parent.mkdir(parents=True, exist_ok=True)
            (scratch / path).replace(target)
            if stat := self._stat(path):
                self._stats[path] = stat
        shutil.rmtree(scratch, ignore_errors=True)
        self.note(asdict(row))
        return row

    def close(self, rows: dict[str, Row]) -> pd.DataFrame:
        """Write the manifest and the keys, remove the journal and every file that no row accounts for."""
        records = [asdict(rows[name]) for name in sorted(rows)]
        table = pd.DataFrame(records, columns=[*MANIFEST.names, "key"]).astype("string")
        manifest = table[MANIFEST.names]
        KEYS.write(self.keys, table[KEYS.names])
        MANIFEST.write(self.out / MANIFEST_FILE, manifest)
        (self.out / JOURNAL).unlink(missing_ok=True)
        known = {path for row in rows.values() if row.status == "ok" for path in self.paths(row.id)}
        write_json(self._written, {path: stat for path, stat in sorted(self._stats.items()) if path in known})
        for folder in {Path(one).parent for template in self.files for one in choices(template, "{id}")}:
            for path in (self.out / folder).glob("*"):
                if self._is_item_file(path) and path.relative_to(self.out).as_posix() not in known:
                    path.unlink()
        return manifest

    def _is_item_file(self, path: Path) -> bool:
        inside = path.relative_to(self.out).as_posix()
        return (
            path.is_file()
            and inside != MANIFEST_FILE
            and any(
                inside.endswith(one.split("{id}")[1]) and Path(one).parent == Path(inside).parent
                for template in self.files
                for one in choices(template, "{id}")
            )
        )
