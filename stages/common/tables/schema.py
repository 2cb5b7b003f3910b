"""Tables and JSON records that stages hand on, each declared once with the type and unit of everything in it.

Writers cast to a schema and readers check it. The meaning of a column is for people and is not stored in the
files: a better wording makes no result stale.
"""

import functools
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import pandas as pd

from stages.common.data.files import write_json, writing
from stages.common.errors import StageError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pydantic import TypeAdapter, ValidationError

Type = Literal["string", "float", "double", "int64", "bool", "binary"]
T = TypeVar("T")
PART = 1 << 14  # rows that are written together


@dataclass(frozen=True)
class Column:
    """A column: its name, Arrow type, meaning and unit. Where `type` is string, "" means that there is no value; null
    is read as it is, and means the same."""

    name: str
    type: Type
    meaning: str
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """A parquet file that stage `stage` writes; several stages do where that is "". `path` may have `{id}` or `{name}`
    in it; `rows` says what a row is.

    A frame may have more columns, whose names begin like that of `more`; they are of its type, and follow.
    """

    stage: str
    path: Path
    rows: str
    columns: tuple[Column, ...]
    more: Column | None = None

    @property
    def names(self) -> list[str]:
        """Names of the columns, in order."""
        return [column.name for column in self.columns]

    @property
    def schema(self) -> "pa.Schema":
        """The pyarrow schema, with unit and meaning as metadata of each field."""
        import pyarrow as pa

        fields = [
            pa.field(one.name, pa.type_for_alias(one.type), metadata={"unit": one.unit, "meaning": one.meaning})
            for one in self.columns
        ]
        return pa.schema(fields, metadata={"stage": self.stage, "rows": self.rows})

    def at(self, **names: str) -> Path:
        """The path of one file, such as `HOLDS.at(id=video_id)`."""
        return Path(str(self.path).format(**names))

    def frame(self, rows: Sequence[Any]) -> pd.DataFrame:
        """A frame of `rows` (records, or sequences in order of the columns) with these columns, also without rows; with
        columns of the kind `more` where records have any."""
        found = dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row)
        more = [name for name in found if self.more and name not in self.names and name.startswith(self.more.name)]
        return pd.DataFrame(rows, columns=[*self.names, *more])

    def to_bytes(self, frame: pd.DataFrame) -> bytes:
        """Parquet bytes of `frame`, cast to the schema.

        Raises ValueError, for the author of the stage, where a column is missing or unknown or cannot be cast.
        """
        import pyarrow.parquet as pq

        buffer = io.BytesIO()
        pq.write_table(self._arrow(frame), buffer)
        return buffer.getvalue()

    def write(self, path: Path, frame: pd.DataFrame) -> None:
        """Write `frame` to `path`, whole or not at all. Raises as `to_bytes` does."""
        self.write_parts(path, [frame])

    def write_parts(self, path: Path, frames: Iterable[pd.DataFrame]) -> None:
        """Write `frames`, which have the same columns, under each other to `path`, whole or not at all. No more are in
        memory at a time than have PART rows. Raises as `to_bytes` does."""
        import pyarrow.parquet as pq

        parts = _gathered(frames)
        first = self._arrow(next(parts, self.frame([])))
        with writing(path) as unfinished, pq.ParquetWriter(unfinished, first.schema) as writer:
            writer.write_table(first)
            for part in parts:
                writer.write_table(self._arrow(part))

    def _arrow(self, frame: pd.DataFrame) -> "pa.Table":
        """`frame` as an Arrow table, cast to the schema."""
        import pyarrow as pa

        types = {column.name: column.type for column in self.columns}
        more = [name for name in frame.columns if self.more and name not in types and name.startswith(self.more.name)]
        types |= dict.fromkeys(more, self.more.type if self.more else "string")
        if wrong := sorted(set(frame.columns) ^ set(types)):
            raise ValueError(f"{self.path}: columns {', '.join(wrong)} are missing or not in the schema")
        plain = pa.schema([pa.field(name, pa.type_for_alias(kind)) for name, kind in types.items()])
        try:
            return pa.Table.from_pandas(frame[list(types)], schema=plain, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise ValueError(f"{self.path}: {' '.join(str(error).split())}") from None

    def read(self, path: Path, columns: Sequence[str] | None = None, without: Sequence[str] = ()) -> pd.DataFrame:
        """Return the table at `path`, or some of its columns: those in `columns`, or all but those in `without`.

        Raises StageError naming the file, the column and the stage where one of them is not there or of another type.
        """
        if not path.exists():
            raise StageError(f"{path} not found: {_remedy(self.stage)}")
        return self._checked(path, path, columns, without)

    def read_parts(self, path: Path, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """Yield the table at `path`, or some of its columns, PART rows at a time. Raises StageError like `read`."""
        if not path.exists():
            raise StageError(f"{path} not found: {_remedy(self.stage)}")
        with self._opened(path, path) as file:
            wanted = self._check(file.schema_arrow, path, columns)
            yield from (batch.to_pandas() for batch in file.iter_batches(PART, columns=wanted))

    def read_bytes(self, data: bytes, where: str) -> pd.DataFrame:
        """Return the table in `data`, parquet bytes that come from `where`. Raises StageError like `read`."""
        return self._checked(io.BytesIO(data), where, None)

    def _checked(
        self, source: Path | io.BytesIO, where: object, columns: Sequence[str] | None, without: Sequence[str] = ()
    ) -> pd.DataFrame:
        with self._opened(source, where) as file:
            wanted = [name for name in self._check(file.schema_arrow, where, columns) if name not in without]
            try:
                return file.read(wanted).select(wanted).to_pandas()
            except Exception as error:  # what the file's notes for pandas say may be anything
                problem = " ".join(str(error).split())
                raise StageError(f"{where} is damaged ({problem}): {_remedy(self.stage)}") from None

    def _opened(self, source: Path | io.BytesIO, where: object) -> "pq.ParquetFile":
        """The parquet file `source`, opened once: on a table of a video that takes as long as to read it."""
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(source)
        except Exception:  # pyarrow has errors of its own, and passes others on
            raise StageError(f"{where} is not a parquet file: {_remedy(self.stage)}") from None

    def _check(self, present: "pa.Schema", where: object, columns: Sequence[str] | None) -> list[str]:
        """Return `columns`, or all that there are. Raises StageError where one is missing or not of this table."""
        import pyarrow as pa

        for name in columns if columns is not None else self.names:
            if name not in present.names:
                raise StageError(f"{where}: column '{name}' is missing: {_origin(self.stage)}")
        for name, times in Counter(present.names).items():
            if times > 1:
                raise StageError(f"{where}: column '{name}' is there {times} times: {_origin(self.stage)}")
        for name, found in zip(present.names, present.types, strict=True):
            kind = self._type_of(name)
            if kind and found != pa.type_for_alias(kind):
                raise StageError(f"{where}: column '{name}' is {found}, should be {kind}: {_origin(self.stage)}")
        return list(present.names if columns is None else columns)

    def _type_of(self, name: str) -> Type | None:
        """The type of the column `name`; None for one that is not of this table."""
        types = {column.name: column.type for column in self.columns}
        if self.more and name.startswith(self.more.name):
            types.setdefault(name, self.more.type)
        return types.get(name)


@dataclass(frozen=True)
class Record(Generic[T]):
    """A JSON file of the form `kind`, a TypedDict, that stage `stage` writes. `path` may have `{id}` in it."""

    stage: str
    path: Path
    kind: type[T]

    def at(self, **names: str) -> Path:
        """The path of one file."""
        return Path(str(self.path).format(**names))

    def write(self, path: Path, value: T) -> None:
        """Write `value` to `path`, whole or not at all. Raises ValueError, for the author of the stage, where it is not
        of this form."""
        write_json(path, self.checked(value, path))

    def checked(self, value: T, where: object) -> T:
        """Return `value`, a record for `where`. Raises ValueError where it is not of this form."""
        from pydantic import ValidationError

        try:
            self._adapter.validate_json(json.dumps(value), strict=True)  # in JSON a tuple is a list
        except ValidationError as error:
            raise ValueError(f"{where}: {_problem(error)}") from None
        return value

    def read(self, path: Path) -> T:
        """Return what `path` holds, of the types of `kind`: a list is a tuple where it says so.

        Raises StageError naming the file, the key and the stage where it is not of this form.
        """
        if not path.exists():
            raise StageError(f"{path} not found: {_remedy(self.stage)}")
        return self.read_bytes(path.read_bytes(), str(path))

    def read_bytes(self, data: bytes, where: str) -> T:
        """Return the record in `data`, JSON bytes that come from `where`. Raises StageError like `read`."""
        from pydantic import ValidationError

        try:
            return self._adapter.validate_json(data, strict=True)
        except ValidationError as error:
            raise StageError(f"{where}: {_problem(error)}: {_origin(self.stage)}") from None

    @functools.cached_property
    def _adapter(self) -> "TypeAdapter[T]":
        """What validates; building it takes 40 times as long as using it."""
        from pydantic import TypeAdapter

        return TypeAdapter(self.kind)


def _gathered(frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Frames in order, joined until they have PART rows."""
    held: list[pd.DataFrame] = []
    for frame in frames:
        held.append(frame)
        if sum(map(len, held)) >= PART:
            yield pd.concat(held, copy=False)
            held = []
    if held:
        yield pd.concat(held, copy=False)


def _problem(error: "ValidationError") -> str:
    """The first thing that is wrong with a record, on one line."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return "it is not JSON"
    key = ".".join(map(str, first["loc"])) or "the record"
    return f"'{key}' is missing" if first["type"] == "missing" else f"{key}: {first['msg']}"


def _remedy(stage: str) -> str:
    """What to run where a file of a stage is not there."""
    return f"run `dvc repro {stage}`" if stage else "run the stage that makes it (`dvc repro`)"


def _origin(stage: str) -> str:
    """Who writes what is missing in a file, and what to run."""
    return f"stage {stage} writes it: {_remedy(stage)}" if stage else _remedy(stage)
