"""Checkpoints: the training state from which an interrupted run resumes, and the best weights."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stages.common.data.files import sha256
from stages.common.errors import StageError

LATEST, BEST = "latest.pt", "best.pt"
EPOCH = "epoch{:04d}.pt"


@dataclass
class TrainingState:
    """The progress of a run: epochs done, batches of the next one done, and losses so far.

    `rows` are the points of the curves; `loss_sum` and `loss_count`, over samples, cover the epoch under way; `broken`
    counts images that could not be decoded.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_val: float | None = None
    loss_sum: float = 0.0
    loss_count: int = 0
    broken: int = 0
    epochs: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)


class Checkpoints:
    """Keeps the latest state and the best weights in `folder`, for runs of one key. What reads them raises StageError
    for a file that is damaged."""

    def __init__(self, folder: Path, key: str) -> None:
        self.folder, self.key = folder, key

    def save(self, state: TrainingState, model: Any, optimizer: Any) -> None:
        """Write the latest state, whole or not at all."""
        self._write(LATEST, {"state": asdict(state), "model": model.state_dict(), "optimizer": optimizer.state_dict()})

    def load(self, model: Any, optimizer: Any, device: str) -> TrainingState:
        """Return the latest state of this key, with `model` and `optimizer` set to it, or a new state.

        Raises StageError for a damaged file.
        """
        saved = self._read(LATEST, device)
        if saved is None:
            for path in self._epochs():  # of a run of another key
                path.unlink(missing_ok=True)
            return TrainingState()
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        return TrainingState(**saved["state"])

    def save_best(self, model: Any) -> None:
        """Write the weights that are the best so far."""
        self._write(BEST, {"model": model.state_dict()})

    def load_best(self, model: Any, device: str) -> None:
        """Set `model` to the best weights."""
        found = self._read(BEST, device)
        assert found is not None
        model.load_state_dict(found["model"])

    def save_epoch(self, epoch: int, model: Any, limit: int) -> None:
        """Write the weights after `epoch`, and remove all but the latest `limit` of such; 0 keeps all."""
        self._write(EPOCH.format(epoch), {"model": model.state_dict()})
        for path in self._epochs()[:-limit] if limit else []:
            path.unlink()

    def load_epochs(self, model: Any, device: str) -> Iterator[int]:
        """Set `model` to the weights after each epoch that is kept, and yield its number."""
        for path in self._epochs():
            found = self._read(path.name, device)
            assert found is not None
            model.load_state_dict(found["model"])
            yield int(path.stem.removeprefix("epoch"))

    def _epochs(self) -> list[Path]:
        return sorted(self.folder.glob("epoch*.pt"))

    def clear(self) -> None:
        """Remove all of them, at the end of a run."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, name: str, values: dict[str, Any]) -> None:
        import torch

        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f".{name}.part"
        with part.open("wb") as file:  # where the disk is full, torch's own writer does not say so
            torch.save({"key": self.key, **values}, file)
        part.replace(self.folder / name)

    def _read(self, name: str, device: str) -> dict[str, Any] | None:
        import torch

        path = self.folder / name
        if not path.exists():
            return None
        try:
            found: Any = torch.load(path, map_location=device, weights_only=True)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # torch and pickle have many types for what is no checkpoint
            raise StageError(
                f"{path} is damaged ({type(error).__name__}): remove {self.folder} to train from the beginning"
            ) from error
        return found if isinstance(found, dict) and found.get("key") == self.key else None


def data_digest(folder: Path) -> str:
    """Digest of a dataset: its table, and the names and sizes of its shards."""
    table = folder / "pairs.parquet"
    shards = [[path.name, path.stat().st_size] for path in sorted(folder.glob("*.tar"))]
    whole = json.dumps([sha256(table) if table.exists() else "", shards])
    return hashlib.sha256(whole.encode()).hexdigest()[:16]
