"""Tables that others made: what cannot be read is one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stages.common.errors import StageError


@contextmanager
def named_damage(path: Path) -> Iterator[None]:
    """Make a StageError that names `path` of an error with which its reading ends."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        said = " ".join(str(error).split())
        raise StageError(f"{path} cannot be read ({said}): get it again or remove it") from None
