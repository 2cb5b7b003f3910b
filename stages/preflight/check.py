"""What can be known to be wrong before any work."""

from collections.abc import Mapping
from pathlib import Path

from stages.common.errors import StageError
from stages.common.evalsets import load_protocol
from stages.common.params import Block
from stages.common.weights import PACKAGE, locate

FILES = {".bin", ".csv", ".json", ".pt", ".pth", ".safetensors", ".tsv", ".yaml", ".yml"}
FOLDER = "local-dir:"


def check(blocks: Mapping[str, Block]) -> None:
    """Raise StageError where a parameter names a packaged or local file that is not there, or a protocol is wrong.

    A value is taken for a file by its ending, for a folder by `local-dir:`; any other may be a model's name on a hub.
    """
    for block, values in blocks.items():
        for name, places in values.places().items():
            for place in places:
                _check_place(f"{block}.{name}", place)
    load_protocol(str(blocks["evaluation"].protocol))  # type: ignore[attr-defined]


def _check_place(parameter: str, place: str) -> None:
    path = place.removeprefix(FOLDER)
    if path.startswith(PACKAGE):
        try:
            locate(path)
        except StageError as error:
            raise StageError(f"{parameter}: {error}") from None
        return
    there = Path(path).exists() or Path(path.rpartition("@")[2]).exists()
    if not there and (path != place or Path(path).suffix in FILES):
        raise StageError(f"{parameter}: {path} does not exist: put it there or change the parameter")
