"""Links to the files that parameters name, so that DVC sees them change.

DVC takes a parameter's value for a path only where it always is one. A parameter that may name a file, a packaged one,
a model on a hub or nothing has a folder here instead, data/named/STAGE/PARAMETER, with a link to each file that it
names now; the stages that read the parameter depend on the folder. Links are tracked by Git, so a clone has them.
"""

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from glob import escape
from pathlib import Path
from typing import get_args
from urllib.parse import quote

from pydantic.fields import FieldInfo

from stages.common.incremental.dependencies import named_files
from stages.common.paths import NAMED_DIR
from stages.common.stage.params import ParamsModel

LONGEST = 200  # letters of a link's name
KEEP = ".gitkeep"


def link_named_files(all_params: Mapping[str, ParamsModel]) -> None:
    """Make the links below NAMED_DIR agree with the Place parameters of all stages. What packages carry is not linked:
    their versions are pinned. A link is called after its file's path. Folders of parameters that are no longer there
    are removed."""
    folders: set[Path] = set()
    wanted: dict[Path, Path] = {}
    for stage, values in all_params.items():
        # Also the folders of groups whose parameters name no file now.
        folders |= {NAMED_DIR / stage / name for name, field in type(values).model_fields.items() if _is_group(field)}
        for name, places in values.places().items():
            folder = NAMED_DIR / stage / name.replace(".", "/")
            folders.add(folder)
            for place in places:
                wanted |= {folder / _name(path): path for path in _local(place)}
        for name, folder_of_lists in values.listings().items():
            folder = NAMED_DIR / stage / name
            folders.add(folder)
            wanted |= {folder / _name(path): path for path in _listed(Path(folder_of_lists))}
    _clear(folders, wanted)
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / KEEP).touch()  # Git knows no empty folders
    for link, path in wanted.items():
        target = path if path.is_absolute() else Path(os.path.relpath(path, link.parent))
        if not link.is_symlink() or link.readlink() != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target)


def _is_group(field: FieldInfo) -> bool:
    """Whether a parameter holds others: one group, or several by name."""
    kind = (get_args(field.annotation) or [field.annotation])[-1]
    return isinstance(kind, type) and issubclass(kind, ParamsModel)


def _clear(folders: Collection[Path], wanted: Collection[Path]) -> None:
    """Remove what is below NAMED_DIR, except `folders`, the `wanted` links and the folders above them."""
    kept = {*folders, *wanted, *(folder / KEEP for folder in folders)}
    kept |= {parent for path in kept for parent in path.parents}
    for other in sorted(NAMED_DIR.rglob("*"), reverse=True):  # what is in a folder before the folder
        if other in kept:
            continue
        if other.is_dir() and not other.is_symlink():
            other.rmdir()
        else:
            other.unlink()


def _name(path: Path) -> str:
    """The name of the link to a file: the file's path; if that is too long, a digest and the end of the path."""
    whole = quote(path.as_posix(), safe="")
    return whole if len(whole) <= LONGEST else f"{hashlib.sha256(whole.encode()).hexdigest()[:12]}-{whole[-120:]}"


def _listed(folder: Path) -> Iterator[Path]:
    """Files outside of `folder` that a line of a .txt list in it names, by itself or by their folder, with what lies
    beside each under the same name: a video's sidecar."""
    for path in sorted(folder.rglob("*.txt")):
        for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines():
            place = folder / line.strip()
            # Links are not followed: those of an output lead to DVC's cache.
            if not line.strip() or len(line) > 255 or _from_here(place).is_relative_to(_from_here(folder)):
                continue
            found = sorted(place.iterdir()) if place.is_dir() else [place] if place.is_file() else []
            beside = [other for one in found for other in one.parent.glob(f"{escape(one.stem)}.*")]
            yield from {_from_here(other) for other in [*found, *beside] if other.is_file()}


def _local(place: str) -> list[Path]:
    """Files that a place names outside of installed packages."""
    return [_from_here(path) for path in named_files(place, packaged=False)]


def _from_here(path: Path) -> Path:
    """`path` from the working directory if it lies below it, as an absolute path otherwise."""
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - takes out `..` without following links
    return whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole
