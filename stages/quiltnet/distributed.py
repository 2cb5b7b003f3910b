"""The processes that train together, as torchrun starts them."""

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

PATIENCE = timedelta(days=1)  # the first process validates and scores test sets, longer than NCCL's ten minutes


@dataclass(frozen=True)
class DistributedContext:
    """This process's rank among `world` processes, and its device."""

    rank: int
    world: int
    device: str

    @property
    def first(self) -> bool:
        """True for the process that validates, reports and saves."""
        return self.rank == 0

    def wrap(self, model: Any) -> Any:
        """`model`, with gradients averaged over processes."""
        import torch

        if self.world == 1:
            return model
        devices = [torch.cuda.current_device()] if self.device == "cuda" else None
        return torch.nn.parallel.DistributedDataParallel(model, device_ids=devices)

    def total(self, value: float) -> float:
        """The sum of `value` over processes."""
        import torch

        if self.world == 1:
            return value
        whole = torch.tensor(value, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(whole)
        return float(whole)

    def agree(self, value: Any) -> bool:
        """Whether `value` is the same in every process."""
        import torch

        if self.world == 1:
            return True
        every: list[Any] = [None] * self.world
        torch.distributed.all_gather_object(every, value)
        return all(other == value for other in every)

    def wait(self) -> None:
        """Wait until every process has come to this point."""
        import torch

        if self.world > 1:
            torch.distributed.barrier()


def join(device: str) -> DistributedContext:
    """Join the process group, if torchrun started several processes."""
    import torch

    world = int(os.environ.get("WORLD_SIZE", 1))
    if world == 1:
        return DistributedContext(0, 1, device)
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.distributed.init_process_group("nccl" if device == "cuda" else "gloo", timeout=PATIENCE)
    return DistributedContext(torch.distributed.get_rank(), world, device)


def leave() -> None:
    """Leave the process group."""
    import torch

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
