"""Curves while a run trains: DVCLive always, TensorBoard or Weights & Biases if asked for."""

import os
from pathlib import Path
from typing import Any

from stages.common.errors import StageError


class Tracker:
    """Logs named values by step."""

    def __init__(self, folder: Path, also: str) -> None:
        from dvclive import Live

        self._live = Live(str(folder), save_dvc_exp=False, dvcyaml=None, monitor_system=False)
        self._also = _other(also, folder.parent / also) if also else None

    def log(self, step: int, values: dict[str, float]) -> None:
        """Log `values`, whose names may hold a slash, at `step`."""
        self._live.step = step
        for name, value in values.items():
            self._live.log_metric(name, value)
        self._live.make_summary()
        if self._also:
            self._also(values, step)

    def close(self) -> None:
        """Write what is not written yet."""
        self._live.end()


def _other(name: str, folder: Path) -> Any:
    """log(values, step) of TensorBoard or Weights & Biases. Raises StageError where it is not installed."""
    try:
        if name == "tensorboard":
            from torch.utils.tensorboard import SummaryWriter

            writer = SummaryWriter(str(folder))
            return lambda values, step: [writer.add_scalar(key, value, step) for key, value in values.items()]
        import wandb
    except ImportError as error:
        raise StageError(f"quiltnet.tracker: {name} is not installed: pip install {name} ({error})") from None
    os.environ.setdefault("WANDB_SILENT", "true")
    run = wandb.init(project="quiltnet", dir=str(folder.parent))
    return lambda values, step: run.log(values, step=step)
