"""The files of a downloaded evalset: its images, its folders and the tables that list them."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from stages.common.data.references import image_file
from stages.common.errors import StageError

LONGEST = 300  # letters of a path that are shown
SUFFIXES = {".tif", ".tiff", ".jpg", ".jpeg", ".png", ".bmp"}
OF_MACOS = (
    "__MACOSX"  # folder of an archive that macOS packed; its files, like those called ._NAME, only look like images
)


def is_hidden(path: Path) -> bool:
    """Whether a file or folder is none of the makers': macOS and others leave them in archives and on disks."""
    return path.name.startswith(".") or path.name == OF_MACOS


def images_below(folder: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """The images in `folder` and its folders, sorted by name, folder by folder; a link to one of the folders `above` is
    not followed."""
    above |= {folder.resolve()}
    for path in sorted(folder.iterdir()):
        if is_hidden(path):
            continue
        if path.is_dir():
            if path.resolve() not in above:
                yield from images_below(path, above)
        elif path.suffix.lower() in SUFFIXES:
            yield path


def folders_in(folder: Path) -> list[Path]:
    """The folders in `folder`, sorted by name."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not is_hidden(path))


def unwrapped(folder: Path) -> Path:
    """`folder`, or the one in it that holds everything, as when an archive was unpacked into a folder of its own."""
    inner = folders_in(folder)
    alone = len(inner) == 1 and folders_in(inner[0]) and not any(map(_is_image, inner[0].iterdir()))
    return unwrapped(inner[0]) if alone else folder


def set_folder(folder: Path, root: str) -> Path:
    """Where the set of the folder `root` lies below `folder`: there, or one folder deeper, as an archive unpacks into a
    folder of its own."""
    top, _, rest = Path(root).as_posix().partition("/")
    if (folder / root).is_dir() or not rest:
        return folder / root
    places = [path / rest for path in folders_in(folder / top)] if (folder / top).is_dir() else []
    return next((place for place in places if place.is_dir()), folder / root)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not is_hidden(path)


def folder_with(root: Path, name: str) -> Path | None:
    """The folder at or below `root` that holds the file or folder `name` (a path, too), the nearest first."""
    if (root / name).exists():
        return root
    found = (path for path in root.rglob(Path(name).name) if path.as_posix().endswith(f"/{name}"))
    places = [path.parents[name.count("/")] for path in found]
    seen = [place for place in places if not any(map(is_hidden, map(Path, place.relative_to(root).parts)))]
    return min(seen, key=lambda place: (len(place.parts), place), default=None)


def existing(path: Path) -> Path:
    """`path`; raises StageError where it is not there, or still packed."""
    if path.exists():
        return path
    packed = path.with_name(f"{path.name}.gz")
    if packed.exists():
        raise StageError(f"{path} not found: unpack it: gunzip {packed}")
    raise StageError(f"{path} not found: it is part of the official files")


def read_listing(path: Path, reader: Callable[[Path], pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    """The table at `path`; raises StageError where it is not there, cannot be read or lacks one of `columns`."""
    if not path.exists():
        raise StageError(f"{path} not found: it lists the evalset's images")
    try:
        found = reader(path)
    except Exception as error:  # whatever a file that is cut off makes its reader raise
        raise StageError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}: fetch it again") from None
    if missing := [name for name in columns if name not in found.columns]:
        raise StageError(f"{path}: column '{missing[0]}' is missing")
    return found


def check_files(references: pd.Series, name: str) -> None:
    """Raise StageError where a file that the tables of the set `name` list is not there."""
    files = references.map(image_file).drop_duplicates()
    missing = sorted(file for file in files if not os.path.isfile(file))  # noqa: PTH113 - of a name too long, too
    if missing:
        raise StageError(
            f"evalset {name}: {len(missing)} of {len(files)} files that it lists are not there, the first is "
            f"{missing[0][:LONGEST]}: fetch the set again"
        )


def check_inside(references: pd.Series, folder: Path, name: str) -> None:
    """Raise StageError where a table of the set `name` lists a file that is not below `folder`; links may lead
    anywhere, the paths themselves may not."""
    home = os.path.normpath(folder)
    for file in references.map(image_file).drop_duplicates():
        if not Path(os.path.normpath(file)).is_relative_to(home):
            raise StageError(
                f"evalset {name}: {file} leads out of {folder}: correct the table, or link the folder there"
            )


def each_once(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows of the set `name`, equal ones once. Raises StageError for an image with two labels or on two sides, and
    where some images have a side and others none."""
    rows = rows.drop_duplicates(["path", "code", "split"], ignore_index=True)
    if twice := sorted(rows.path[rows.path.duplicated()]):
        raise StageError(f"evalset {name}: {twice[0]} is listed with two labels or splits: keep one row of it")
    without = rows.path[rows.split == ""]
    if 0 < len(without) < len(rows):
        raise StageError(f"evalset {name}: {len(without)} images have no split, such as {min(without)}: fill it in")
    return rows


def measured_side(table: pd.DataFrame, split: str) -> pd.DataFrame:
    """The labelled images of the measured side; all of a set without sides."""
    if split != "all" and not (table.split == "").all():
        table = table[table.split == split]
    return table[table.label >= 0].reset_index(drop=True)
