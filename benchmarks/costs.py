"""What a run of Quilt-1M's size costs, from measured rates: the tables of docs/costs.md, as Markdown.

Nothing is measured here. Each rate says where it comes from; `python -m benchmarks.costs` multiplies.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

HOUR, GB, TB = 3600.0, 1e9, 1e12


@dataclass(frozen=True)
class Size:
    """How much there is to do. Quilt-1M's numbers but for those that the paper does not give: of these, assumptions."""

    times: float = 1.0

    @property
    def hours(self) -> float:
        """Of video that is kept."""
        return 1_087 * self.times

    @property
    def candidates_hours(self) -> float:
        """Of video that is looked at in small copies: assumed, four times what is kept."""
        return 4 * self.hours

    @property
    def keyframes(self) -> float:
        """Images of videos."""
        return 437_878 * self.times

    @property
    def others(self) -> float:
        """Images of the other sources that are kept."""
        return 215_564 * self.times

    @property
    def pairs(self) -> float:
        """Rows of the dataset."""
        return 1_017_712 * self.times

    @property
    def evalset_images(self) -> float:
        """Of the paper's 12 test sets, training images too: about; they do not grow with the rest."""
        return 650_000


@dataclass(frozen=True)
class Work:
    """What a step takes: seconds of one core, and of a GPU where it can use one; then seconds of a core beside it.

    A step uses `most_cores` at most, whatever there are; `one_machine` ones the cores of one machine, and one GPU.
    """

    name: str
    core_s: float
    gpu_s: float = 0.0
    core_s_beside_gpu: float = 0.0
    network: float = 0.0  # bytes
    disk: float = 0.0  # bytes that stay
    most_cores: float = math.inf
    one_machine: bool = False


@dataclass(frozen=True)
class Machine:
    """A machine, or several that are alike."""

    name: str
    cores: int
    gpus: int
    nodes: int = 1


MACHINES = (
    Machine("2 cores", 2, 0),
    Machine("32 cores, 1 GPU", 32, 1),
    Machine("128 cores, 8 GPUs", 128, 8),
    Machine("16 nodes of 32 cores, 1 GPU", 32, 1, 16),
)
LINE = 100e6 / 8  # bytes a second that sites give one address: assumed, whatever the line
DISK = 500e6  # bytes a second that are read and hashed: assumed
PAIR_S = 1e-3  # seconds of a core a pair (`python -m benchmarks.scale`)


def steps(size: Size) -> list[Work]:
    """Every step of a run of this size, with the paper's models on a GPU, and the demo's Whisper without one."""
    words = 8_400 * size.hours  # 140 a minute
    images = size.keyframes + size.others
    media = 0.68 * GB * size.hours  # 720p at 1.5 Mbit/s: assumed; the demo's videos have 1.3
    copies = 0.11 * GB * size.candidates_hours  # 240p at 0.25 Mbit/s: assumed
    seen = 3 * size.others  # images of the other sources that are looked at: assumed, three for one that is kept
    frames = HOUR * size.candidates_hours  # one a second
    samples = 4 * size.pairs  # epochs of profiles/quilt1m
    stored = 150e3 * size.keyframes  # bytes of an image at 720p: assumed; of the demo's, whose tissue is drawn, 400 kB
    kept = 105e3 * size.others  # bytes of an image, as on the demo
    shards = 100e3 * images  # bytes of an image of 512 pixels, as on the demo
    spoken = 1.2e6 * size.hours  # bytes of transcripts, and as many of captions
    prints = 4.6e3 * (images + size.evalset_images)
    vectors = 2 * 4 * 512 * size.evalset_images
    data = media + stored + kept + shards
    embedded = 2 * size.evalset_images  # by the model before and after
    return [
        # 20 ms of a core, or 1 / 750 s of a GPU, a frame
        Work("`videos`, small copies", 0.02 * frames, frames / 750, 0.005 * frames, network=copies),
        Work("`videos`, in full", 30 * size.hours, network=media, disk=media),
        # 4.1 s a minute of 720p on two cores
        Work("`keyframes`, `rois`", 2 * 4.1 * 60 * size.hours, disk=stored),
        # tiny.en: 65 times real time on 8 threads; large-v2: 60 times on a GPU, as WhisperX's authors publish
        Work("`transcripts`", 8 / 65 * HOUR * size.hours, HOUR / 60 * size.hours, 60 * size.hours, disk=spoken),
        Work("`captions`", 0.53e-3 * words, disk=spoken),
        Work("`pairs`", PAIR_S * 802_148 * size.times, disk=1.5e3 * 802_148 * size.times, most_cores=1),
        Work("`sources`", 0.029 * seen, network=200e3 * seen, disk=kept),
        # 191 ms of a core an image, 86 without flags
        Work("`fingerprints`", 0.191 * images + 0.086 * size.evalset_images, disk=prints),
        # table work and search at a million pairs on two cores
        Work("`dataset`: search", 2 * 205 * size.times, most_cores=2),
        # a comparison of 22 ms for each image: assumed
        Work("`dataset`: comparisons, shards", 0.0225 * images, disk=shards, one_machine=True),
        # 1,160 samples a second of 16 cores and a GPU; on cores alone 44 GFLOP a sample at 50 GFLOP/s a core: assumed
        Work("`quiltnet`, ViT-B/32", 44 / 50 * samples, samples / 1_160, 16 / 1_160 * samples, disk=0.6 * GB),
        # 4,400 images a second of a GPU; on cores 4.4 GFLOP an image, at the same 50 GFLOP/s
        Work("`embeddings`", 4.4 / 50 * embedded, embedded / 4_400, 0.005 * embedded, disk=vectors, one_machine=True),
        Work("`evaluation`, `audit`, `report`", HOUR, most_cores=2),
        Work("DVC: hashes of all outputs", data / DISK, most_cores=1),
    ]


def wall_s(step: Work, machine: Machine) -> float:
    """Seconds that a step takes on a machine: as long as the slowest of cores, GPUs and the network."""
    cores = min(machine.cores * (1 if step.one_machine else machine.nodes), step.most_cores)
    gpus = min(1, machine.gpus) if step.one_machine else machine.gpus * machine.nodes
    on_gpu = step.gpu_s > 0 and gpus > 0
    core_s = step.core_s_beside_gpu if on_gpu else step.core_s
    return max(core_s / cores, step.gpu_s / gpus if on_gpu else 0.0, step.network / LINE)


def table(size: Size) -> str:
    """The costs of a run of this size, as a Markdown table."""
    rows = [
        ["step", "core hours", "with a GPU", "GPU hours", "network, TB", "disk, TB", *(one.name for one in MACHINES)],
        ["---"] * (6 + len(MACHINES)),
    ]
    every = steps(size)
    rows += [_row(one.name, [one]) for one in every]
    rows.append(_row("**all**", every))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _row(name: str, every: Sequence[Work]) -> list[str]:
    cores = sum(one.core_s for one in every)
    beside = sum(one.core_s_beside_gpu if one.gpu_s else one.core_s for one in every)
    amounts = [cores / HOUR, beside / HOUR, sum(one.gpu_s for one in every) / HOUR]
    amounts += [sum(one.network for one in every) / TB, sum(one.disk for one in every) / TB]
    walls = [sum(wall_s(one, machine) for one in every) / HOUR for machine in MACHINES]
    return [name, *map(short, amounts), *map(short, walls)]


def short(value: float) -> str:
    """Two digits of a number, "" for next to nothing."""
    if value < 0.005:
        return ""
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 10 else f"{float(f'{value:.2g}'):g}"


if __name__ == "__main__":
    print("Quilt-1M\n")
    print(table(Size()))
    print("\nTen times that\n")
    print(table(Size(10)))
