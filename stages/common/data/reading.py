"""Files that others made: what cannot be read is one line, the same at each run."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stages.common.errors import StageError

ADDRESS = re.compile(r"<([\w.]+)[^<>]* at 0x[0-9a-fA-F]+>| at 0x[0-9a-fA-F]+")  # of an object in memory
LONGEST = 200  # letters of what an error says
JUNK = ("__MACOSX",)  # folders that systems leave behind, besides files and folders whose names begin with a dot


def said(error: Exception, path: Path | None = None) -> str:
    """What an error says, on one line, without addresses of memory and without the folder of `path`, the file it is
    about: what is written to a table must not differ from run to run."""
    text = ADDRESS.sub(lambda found: found[1] or "", " ".join(str(error).split()))
    if path is not None:
        for folder in sorted({str(path.parent), str(path.parent.absolute()), str(path.parent.resolve())}, key=len)[
            ::-1
        ]:
            text = text.replace(f"{folder}/", "") if len(folder) > 1 else text
    return text[:LONGEST] or type(error).__name__


def is_kept(member: str) -> bool:
    """Whether a member of an archive is a file, and none that systems leave behind."""
    return not member.endswith("/") and not member.startswith(JUNK) and not member.rpartition("/")[2].startswith(".")


@dataclass(frozen=True)
class Damage:
    """What of a table cannot be read: broken_row, or broken_table for all that follows; `detail` says why."""

    reason: str
    detail: str


@contextmanager
def named_damage(path: Path) -> Iterator[None]:
    """Make a StageError that names `path` of an error with which its reading ends."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StageError(f"{path} cannot be read ({said(error, path)}): get it again or remove it") from None
