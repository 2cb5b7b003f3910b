"""params.yaml: read, validated as a whole, and handed out stage by stage."""

import difflib
import importlib
import json
from collections.abc import Container, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from stages.common.data.files import read_yaml
from stages.common.errors import StageError

PARAMS_FILE = Path("params.yaml")
STAGES = Path(__file__).parents[2]


T = TypeVar("T")
Operational = Annotated[T, "operational"]  # how, where or how fast work is done: no result depends on it
Lists = Annotated[T, "lists"]  # a folder whose .txt lists name files and folders elsewhere, a line each
Place = Annotated[T, "place"]  # a parameter that may name files or folders on this machine


class ParamsModel(BaseModel):
    """The parameters of one stage; unknown keys and wrong types are errors. `uses` names the parameters of other stages
    that this stage reads."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    uses: ClassVar[tuple[str, ...]] = ()
    renamed: ClassVar[
        Mapping[str, str]
    ] = {}  # earlier name of a parameter to its name now; the earlier one is an error

    def results(self) -> dict[str, Any]:
        """The parameters that results depend on, as JSON values: all but Operational ones."""
        found = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if "operational" not in field.metadata:
                found[name] = _results(value)
        return found

    def conflict(self) -> str:
        """What two parameters say that cannot both be, after the name of one; "" where nothing."""
        return ""

    def places(self, prefix: str = "") -> dict[str, list[str]]:
        """What the Place parameters name, by dotted name below `prefix`."""
        found: dict[str, list[str]] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if isinstance(value, ParamsModel):
                found |= value.places(f"{prefix}{name}.")
            elif isinstance(value, dict):
                for key, one in value.items():
                    found |= one.places(f"{prefix}{name}.{key}.") if isinstance(one, ParamsModel) else {}
            elif "place" in field.metadata:
                found[f"{prefix}{name}"] = [value for value in ([value] if isinstance(value, str) else value) if value]
        return found

    def listings(self) -> dict[str, str]:
        """The folders that the Lists parameters name, by name."""
        fields = type(self).model_fields.items()
        return {name: getattr(self, name) for name, field in fields if "lists" in field.metadata}

    @field_validator("*", mode="before")
    @classmethod
    def _spelled(cls, value: Any, info: ValidationInfo) -> Any:
        """Let a text be a number or a truth value, as DVC writes `-S report.title=2024`; in lists of texts, too."""
        wanted = cls.model_fields[str(info.field_name)].annotation
        if wanted == list[str] and isinstance(value, list):
            return [_text(item) for item in value]
        return _text(value) if wanted is str else value


def _results(value: Any) -> Any:
    """A parameter's value, of parameters in it those that results depend on."""
    if isinstance(value, ParamsModel):
        return value.results()
    return {key: _results(one) for key, one in value.items()} if isinstance(value, dict) else value


def _text(value: Any) -> Any:
    """A YAML number, truth value or date as YAML spells it; anything else as it is."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return value.isoformat() if isinstance(value, date) else value


class Base(ParamsModel):
    """The parameters `base`, which all stages share."""

    seed: int = Field(ge=0)
    device: Literal["auto", "cpu", "cuda"]
    jobs: int = Field(ge=-1)
    backend: Literal["loky", "sequential", "ray"]
    workers_per_gpu: int = Field(ge=1)
    item_timeout_s: float = Field(gt=0)
    item_timeout_factor: float = Field(ge=0)
    item_memory_gb: float = Field(ge=0)
    ray_address: str
    ray_cpus: float = Field(gt=0)
    ray_memory_gb: float = Field(ge=0)
    max_failed: float = Field(ge=0, le=1)
    offline: bool


def load_all_params(path: Path = PARAMS_FILE) -> dict[str, ParamsModel]:
    """Return the parameters of every stage in `path`, validated against `stages.STAGE.params.Params`.

    Raises StageError naming the file, the key and the remedy when anything is unknown, missing, of a wrong type or
    out of range. Every stage calls this, so a mistake in the last section stops the first stage.
    """
    try:
        tree = read_yaml(path)
    except FileNotFoundError:
        raise StageError(f"{path} not found: run stages from the repository root") from None
    if not isinstance(tree, dict):
        raise StageError(f"{path} must hold one section per stage")
    found, wrong = {}, []
    for name, values in tree.items():
        try:
            found[name] = _validate(name, values)
        except StageError as error:
            wrong.append(str(error))
    if wrong:
        raise StageError(f"{path}: {'; '.join(wrong)}")
    return found


def load_params(name: str, path: Path = PARAMS_FILE) -> tuple[Any, Base]:
    """Return the parameters of stage `name` and those called `base` in `path`, after validating the whole file."""
    all_params = load_all_params(path)
    for needed in (name, "base"):
        if needed not in all_params:
            raise StageError(f"{path}: section '{needed}' is missing: restore it from Git")
    base = all_params["base"]
    assert isinstance(base, Base)
    return all_params[name], base


def schemas() -> set[str]:
    """The stages that have parameters."""
    return {path.parent.name for path in STAGES.glob("*/params.py")} - {"common"}


def has_params(stage: str) -> bool:
    """Whether `stage` has parameters of its own."""
    return stage in schemas()


def _schema(name: str) -> type[ParamsModel]:
    if name == "base":
        return Base
    if name not in (known := schemas()):
        raise StageError(f"no stage is called '{name}'{_did_you_mean(name, sorted(known))}")
    schema: type[ParamsModel] = importlib.import_module(f"stages.{name}.params").Params
    return schema


def _validate(name: str, values: Any) -> ParamsModel:
    schema = _schema(name)
    try:
        found = schema.model_validate(values)
    except ValidationError as error:
        errors = error.errors()
        renamed = {one["loc"]: new for one in errors if (new := _new_place(schema, one))}
        # A parameter under its earlier name is unknown, and missing under its new one: one phrase says both.
        said = [one for one in errors if one["type"] != "missing" or one["loc"] not in renamed.values()]
        absent = {one["loc"] for one in errors if one["type"] == "missing"}
        phrases = [
            _renamed(name, one["loc"], renamed[one["loc"]], absent)
            if one["loc"] in renamed
            else _explain(schema, name, one)
            for one in said
        ]
        raise StageError("; ".join(phrases)) from None
    if conflict := found.conflict():
        raise StageError(f"{name}.{conflict}")
    return found


def _new_place(schema: type[ParamsModel], error: Any) -> tuple[Any, ...]:
    """Where a parameter under the name that it had before belongs now; () for any other error."""
    if error["type"] != "extra_forbidden":
        return ()
    *parents, last = error["loc"]
    owner = _schema_at(schema, parents)
    new = owner.renamed.get(str(last)) if owner else None
    return (*parents, new) if new else ()


def _renamed(name: str, old: tuple[Any, ...], new: tuple[Any, ...], absent: Container[tuple[Any, ...]]) -> str:
    """One phrase for a parameter under its earlier name: where the new one is there too, the old one is to go."""
    before, now = (".".join([name, *map(str, place)]) for place in (old, new))
    return f"parameter {before} is called {now} now: {'rename' if new in absent else 'remove'} it"


def _schema_at(schema: type[ParamsModel], parents: list[Any]) -> type[ParamsModel] | None:
    """The schema of the group of parameters at `parents`, or None."""
    for parent in parents:
        field = schema.model_fields.get(str(parent))
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, ParamsModel):
            return None
        schema = field.annotation
    return schema


def _explain(schema: type[ParamsModel], name: str, error: Any) -> str:
    """One phrase for one pydantic error: the dotted key, what is wrong, and the closest known key."""
    key = ".".join([name, *(str(part) for part in error["loc"])])
    if error["type"] == "extra_forbidden":
        known = _schema_at(schema, list(error["loc"][:-1])) or schema
        return f"unknown parameter {key}{_did_you_mean(str(error['loc'][-1]), list(known.model_fields))}"
    if error["type"] == "missing":
        return f"parameter {key} is missing"
    return f"{key}: {_plain(error)} (found {error['input']!r})"


def _plain(error: Any) -> str:
    """What pydantic says of a value, without its words for itself and for Python."""
    if error["type"] in ("model_type", "dict_type"):
        return "should be a group of names, each with its value"
    said: str = error["msg"]
    return said.removeprefix("Value error, ").removeprefix("Input ")


def _did_you_mean(word: object, known: list[str]) -> str:
    closest = difflib.get_close_matches(str(word), known, n=1)  # YAML has numbers as names, too
    return f", did you mean '{closest[0]}'?" if closest else f" (known: {', '.join(sorted(known))})"
