"""The folder of an export: there as a whole or not at all, and never on top of something else."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stages.common.errors import StageError


@contextmanager
def new_folder(to: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `to` when the block ends without an error.

    Raises StageError where `to` holds something: an earlier export may hold what has been withdrawn since, so that it
    is to be removed as a whole.
    """
    to = to.resolve()
    if to.exists() and not (to.is_dir() and not any(to.iterdir())):
        raise StageError(f"--to {to}: something is there already: remove it, or name another folder")
    part = to.with_name(f".{to.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        part.replace(to)
    finally:
        shutil.rmtree(part, ignore_errors=True)
