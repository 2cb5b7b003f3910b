"""Evalsets read under a protocol: a file that fixes the test sets, the prompts and the metric."""

import hashlib
import json
import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from stages.common.data.files import SAFE_ID, SURROGATE, read_yaml
from stages.common.data.references import image_file
from stages.common.errors import StageError
from stages.common.evalsets.listing import check_files, check_inside, each_once, measured_side, set_folder
from stages.common.evalsets.loaders import find_loader
from stages.common.evalsets.wording import check_names, check_templates
from stages.common.stage.extensions import is_extension, iterate
from stages.common.tables.embeddings import EVALSET

log = logging.getLogger(__name__)

METRICS = ("accuracy", "balanced_accuracy", "weighted_f1", "macro_f1")
SPLITS = ("train", "validation", "test", "")
NOTES = {"source", "published", "unpublished"}  # keys of a protocol that say where it comes from
WHOLE = ("classes", "synonyms", "merged")  # keys of a set that take the place of those that are extended
FIELDS = ["path", "code", "split", "institution", "text", "group"]  # of a loader's rows
OPTIONAL = FIELDS[2:]
HELD_OUT = "held_out"  # the set of the dataset's own test split
# Keys of metrics files that stand beside names of models or of sets, and so cannot be such names.
OF_A_FILE, OF_A_READER = ("difference", "failed", "near_copies", "protocol", "readers"), ("accuracy", "images", "kappa")
BESIDE_SETS = (*OF_A_FILE, HELD_OUT, "institution", "mean", "sub_pathology")
BESIDE_MODELS = (*OF_A_FILE, *OF_A_READER)


def _with_bracket(pattern: str) -> str:
    try:
        brackets = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"'{pattern}' is no regular expression: {error}") from None
    if pattern and brackets != 1:
        raise ValueError(f"'{pattern}' must have one bracket, around what names the group")
    return pattern


class Evalset(BaseModel):
    """One dataset of a protocol: how its files are read, and the prompt for each of its labels.

    Without classes it is a set of pairs, for retrieval. `split` is the one that is measured (all of a
    set without an official split). `synonyms` are more names of a class, by label; `templates` are used instead of the
    protocol's; `merged` gives labels that count as another one.
    `group` is a regular expression whose first bracket finds the patient, slide or original of an image in its path
    below `root`, where the loader does not know it.
    """

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    loader: str
    root: str
    sub_pathology: str
    institution: str = ""
    classes: dict[str, str] = {}
    synonyms: dict[str, list[str]] = {}
    templates: list[str] = []
    merged: dict[str, str] = {}
    left_out: list[str] = []
    split: Literal["train", "validation", "test", "all"] = "test"
    readers: str = ""
    source: str = ""
    group: Annotated[str, AfterValidator(_with_bracket)] = ""

    @property
    def pairs(self) -> bool:
        """True for a set of images and texts, false for one of images and labels."""
        return not self.classes

    @property
    def names(self) -> list[list[str]]:
        """All names of each class, in label order."""
        return [[name, *self.synonyms.get(code, [])] for code, name in self.classes.items()]


class Protocol(BaseModel):
    """What is measured on, with which prompts, and which number sums it up.

    `prompts` says how a class's prompts are used: all of them, averaged (see embed_classes), or sampled `draws` times,
    of which the median score counts. `source` says where the authors state all this, `published` for which sets they
    give the class names, and `unpublished` what they do not state. A prompt template has {c} where the name goes.
    `equal_texts` says whether, in retrieval, equal texts are one text, for which the images of each are right, or each
    has its own image alone.
    """

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    name: str
    source: str = ""
    published: list[str] = []
    unpublished: str = ""
    templates: list[str] = Field(min_length=1)
    prompts: Literal["all", "sampled"] = "all"
    draws: int = Field(default=50, ge=1)
    metric: Literal["accuracy", "balanced_accuracy", "weighted_f1", "macro_f1"]
    averaging: Literal["sets", "images"]
    transform: Literal["model", "squash"]
    missing: Literal["fail", "skip"]
    equal_texts: Literal["merge", "separate"] = "merge"
    evalsets: dict[str, Evalset]

    @property
    def digest(self) -> str:
        """Hex digest of all that the protocol fixes; comments, sources and order of keys do not count."""
        fixed = self.model_dump(exclude=NOTES, exclude_defaults=True)
        for evalset in fixed["evalsets"].values():
            evalset.pop("source", None)
        return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def sub_pathologies(self) -> dict[str, str]:
        """The sub-pathology of each of its sets."""
        return {name: evalset.sub_pathology for name, evalset in self.evalsets.items()}

    def templates_of(self, evalset: str) -> list[str]:
        """The templates of one of its sets."""
        return self.evalsets[evalset].templates or self.templates

    def prompts_of(self, evalset: str) -> list[list[str]]:
        """All prompts of each class of one of its sets: every name in every template."""
        templates = self.templates_of(evalset)
        names = self.evalsets[evalset].names
        return [[template.format(c=name) for name in one for template in templates] for one in names]


def load_protocol(path: str) -> Protocol:
    """Return the protocol in the YAML file `path`; raises StageError that names the wrong key.

    A file with `extends: OTHER.yaml` (beside it) holds only what differs from the other; null takes a key out. The name
    is not taken over, so that no other protocol passes for a paper's: without one, it is that of the file.
    """
    try:
        protocol = Protocol.model_validate(_tree(Path(path)))
    except ValidationError as error:
        first = error.errors()[0]
        raise StageError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    check_templates(protocol.templates, f"{path}: templates")
    if unknown := sorted(set(protocol.published) - set(protocol.evalsets)):
        raise StageError(f"{path}: published: '{unknown[0]}' is none of its evalsets")
    for name, evalset in protocol.evalsets.items():
        if name in BESIDE_SETS or not SAFE_ID.fullmatch(name):
            raise StageError(f"{path}: evalsets.{name}: no set can be called '{name}' (nor {', '.join(BESIDE_SETS)})")
        find_loader(evalset.loader, f"{path}: evalsets.{name}.loader")
        check_templates(evalset.templates, f"{path}: evalsets.{name}.templates")
        check_names(dict(zip(evalset.classes, evalset.names, strict=True)), f"{path}: evalsets.{name}.classes")
        for key, codes in (("synonyms", evalset.synonyms), ("merged", evalset.merged.values())):
            if unknown := sorted(set(codes) - set(evalset.classes)):
                raise StageError(f"{path}: evalsets.{name}.{key}: '{unknown[0]}' is none of its classes")
    return protocol


def _tree(path: Path, extended: tuple[Path, ...] = ()) -> dict[str, Any]:
    """What the protocol at `path` holds, over what it extends; `extended` are those that led here."""
    if path.resolve() in extended:
        raise StageError(f"{path}: extends itself, by way of {len(extended)} protocols: name another in `extends`")
    try:
        tree = read_yaml(path)
    except (FileNotFoundError, IsADirectoryError):
        raise StageError(f"evaluation.protocol: {path} not found: see protocols/ for those there are") from None
    if not isinstance(tree, dict):
        raise StageError(f"{path} must hold a protocol")
    if "extends" not in tree:
        return tree
    if not isinstance(under := tree.pop("extends"), str):
        raise StageError(f"{path}: extends must name one protocol file (found {under!r})")
    return _merged(_tree(path.parent / under, (*extended, path.resolve())), {"name": path.stem} | tree)


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    found = dict(under)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(found.get(key), dict) and key not in WHOLE
        found[key] = _merged(found[key], value) if both else value
    return {key: value for key, value in found.items() if value is not None}


def read_protocol(path: str, folder: str) -> tuple[Protocol, dict[str, pd.DataFrame]]:
    """Return the protocol and the table of each of its evalsets that can be read, below `folder`. Raises as read_sets
    does."""
    protocol = load_protocol(path)
    return protocol, read_sets(protocol, path, folder)[0]


def read_sets(protocol: Protocol, path: str, folder: str) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Return the table of each evalset of `protocol` that can be read below `folder`, and of those that are there and
    cannot, why not.

    Raises StageError for a set that is not there or cannot be read, unless the protocol, whose file is `path`, says
    `missing: skip`, and for a protocol that samples prompts.
    """
    if protocol.prompts == "sampled":
        raise StageError(f"{path}: prompts: sampled is for tables of protocols (see docs/evaluation.md): write all")
    tables, failed = {}, {}
    for name, evalset in protocol.evalsets.items():
        root = set_folder(Path(folder), evalset.root)
        if root.is_dir():
            try:
                tables[name] = read_evalset(Path(folder), name, evalset)
            except StageError as error:
                if protocol.missing == "fail":
                    raise
                failed[name] = str(error)
        elif protocol.missing == "fail":
            where = f"get it from {evalset.source}" if evalset.source else "put its files there"
            raise StageError(f"evalset {name}: {root} not found: {where}, or write `missing: skip` in {path}")
    return tables, failed


def read_evalset(folder: Path, name: str, evalset: Evalset, whole: bool = True) -> pd.DataFrame:
    """Return the rows of EVALSET for an evalset's images below `folder`, sorted by path and text.

    `path` is for ImageReader. `label` indexes evalset.classes, -1 where the label is left_out or the set has no
    classes; `split` is one of SPLITS, "" where the official files have none. Raises StageError where
    labels and classes do not agree; without `whole`, a class, and the measured side, may have no image.
    """
    root = set_folder(folder, evalset.root)
    rows = pd.DataFrame(_rows(root, name, evalset), columns=FIELDS)
    rows = rows.fillna({"split": "", "institution": evalset.institution, "text": "", "group": ""})
    rows = rows.astype({"path": str, "code": str})
    if rows.empty:
        raise StageError(f"evalset {name}: no image below {root}")
    if not is_extension(evalset.loader):
        check_inside(rows.path, folder, name)
    check_files(rows.path, name)
    if evalset.group:
        found = rows.path.str.removeprefix(f"{root.as_posix()}/").str.extract(evalset.group)[0].fillna("")
        rows["group"] = rows.group.where(rows.group != "", found)
        if (rows.group == "").all():
            log.warning(f"evalset {name}: `group` finds none in any path: its images count as independent")
    if wrong := sorted(set(rows.split) - set(SPLITS)):
        raise StageError(f"evalset {name}: split '{wrong[0]}' is none of train, validation, test")
    rows["code"] = rows.code.replace(evalset.merged)
    rows = rows if evalset.pairs else each_once(rows, name)
    order = {code: number for number, code in enumerate(evalset.classes)}
    codes = set(rows.code)
    if not evalset.pairs:
        if unknown := sorted(codes - set(order) - set(evalset.left_out)):
            raise StageError(
                f"evalset {name}: label '{unknown[0]}' of the files is neither in its classes nor in left_out"
            )
        if whole and (absent := sorted(set(order) - codes)):
            raise StageError(f"evalset {name}: no image below {root} has the label '{absent[0]}' of its classes")
    table = rows.assign(label=rows.code.map(order).fillna(-1).astype(int))
    if whole and not evalset.pairs and measured_side(table, evalset.split).empty:
        raise StageError(f"evalset {name}: no image below {root} is on the side that is measured ({evalset.split})")
    return table[EVALSET.names].sort_values(["path", "text"], ignore_index=True)


def _rows(root: Path, name: str, evalset: Evalset) -> list[dict[str, Any]]:
    """What the loader of an evalset finds in its folder `root`."""
    where = f"evalset {name}: loader"
    found: Any = find_loader(evalset.loader, where)(root)
    own = is_extension(evalset.loader)
    if own and isinstance(found, Iterable):
        found = iterate(found, evalset.loader, where)
    try:
        rows: list[Any] = list(found) if isinstance(found, Iterable) else [found]
    except (OSError, KeyError, TypeError, ValueError) as error:  # a file cut off, or another table than the makers'
        reason = " ".join(str(error).split())[:200]
        raise StageError(f"evalset {name}: its files cannot be read: {reason}: fetch the set again") from None
    if any(not isinstance(row, dict) or not {"path", "code"} <= row.keys() for row in rows):
        raise StageError(
            f"evalset {name}: the loader {evalset.loader} must yield dicts with path and code for each image"
        )
    for number, row in enumerate(rows if own else [], 1):
        if wrong := _wrong(row):
            raise StageError(f"evalset {name}: the loader {evalset.loader}: row {number}: {wrong}")
    return rows


def _wrong(row: dict[str, Any]) -> str:
    """What is wrong with a field of a row that a loader of the user's own yields; "" where nothing is."""
    for field in FIELDS:
        value = row.get(field)
        if value is None and field in OPTIONAL:
            continue
        if not isinstance(value, str):
            return f"{field} is {type(value).__name__}, should be str"
        if SURROGATE.search(value):
            return f"{field} {value!r} has half a character (a surrogate): decode the text as UTF-8"
    if row.get("split") not in (None, *SPLITS):
        return f"split {row['split']!r} is none of train, validation, test"
    file = image_file(row["path"])
    return "" if Path(file).is_file() else f"path: there is no file {file!r}"
