"""Model weights and data on this machine: in a folder, or inside an installed package."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from stages.common.data.files import sha256 as hash_of
from stages.common.errors import StageError

PACKAGE = "package:"


def locate(place: str, sha256: str | None = None) -> Path:
    """Return the path that `place` names: `package:NAME/inner/path` or a plain path.

    Nothing is imported from the package. With `sha256`, the file's hash must agree. Raises StageError when the
    package, the file or the hash is not as asked.
    """
    if place.startswith(PACKAGE):
        name, _, inner = place.removeprefix(PACKAGE).partition("/")
        path = _package_folder(name, place) / inner
    else:
        path = Path(place)
    if not path.exists():
        raise StageError(f"{place}: no such file: check the parameter or install the package again")
    if sha256 is not None and (found := hash_of(path)) != sha256:
        raise StageError(
            f"{place}: sha256 is {found[:16]}..., expected {sha256[:16]}...: the file is not the one "
            "this parameter names; fetch it again or change the expected hash"
        )
    return path


def is_local(place: str) -> bool:
    """True when `place` names a package or an existing path, false when it is a hub or registry name."""
    return place.startswith(PACKAGE) or Path(place).exists()


def why_missing(error: BaseException) -> str:
    """Why a model could not be loaded, in one line; if hubs are off (base.offline) and the model is on one, this."""
    from urllib.error import URLError

    import requests
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

    unasked = (LocalEntryNotFoundError, OfflineModeIsEnabled, URLError, requests.ConnectionError)
    elsewhere = any(isinstance(one, unasked) or "huggingface.co" in str(one) for one in _chain(error))
    if os.environ.get("HF_HUB_OFFLINE") == "1" and elsewhere:
        return "it is not on this machine, and no model hub is asked: set base.offline=false"
    return " ".join(str(error).split())[:300]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _package_folder(name: str, place: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise StageError(f"{place}: package '{name}' is not installed: run `make install`")
    return Path(next(iter(spec.submodule_search_locations)))
