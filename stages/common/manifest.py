"""What a per-item stage has made: the manifest, the journal of a run under way, and the files of finished items."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.errors import StageError
from stages.common.files import write_table

MANIFEST = "manifest.parquet"
JOURNAL = "journal.jsonl"
SCRATCH = ".scratch"


@dataclass(frozen=True)
class Row:
    """One line of the manifest. `status` is ok, rejected or failed; `digest` covers the item's files."""

    id: str
    status: str
    reason: str
    error: str
    key: str
    digest: str


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


class Folder:
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
