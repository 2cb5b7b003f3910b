"""What a run is: in which parameters it differs from the paper's, and by which digests it can be told from others."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.common.data.files import sha256
from stages.common.paths import REPORTS_DIR, REVIEW_PAGE_FILE, SEARCH_PAGE_FILE, TIMINGS_DIR
from stages.common.tables.pairs import PAIR_TABLE
from stages.report.params import OF_THE_PAPER

PAPER_FILE = Path("profiles/quilt1m")  # overrides that make the paper's run of the committed params.yaml
PAGES = {  # beside the page, and what they are
    REVIEW_PAGE_FILE.name: "Pairs for a pathologist to judge",
    SEARCH_PAGE_FILE.name: "Pairs by words, or near to a picture",
    "evaluation/zero_shot/errors.html": "What the tuned model was surest about and wrong",
    "tables/": "Scores as tables for a paper",
    "plots/charts/": "Charts as pictures for a paper",
    "keyframes/": "Contact sheets of videos",
    f"{TIMINGS_DIR.relative_to(REPORTS_DIR).as_posix()}/index.html": "Commit, machine, times, ablations",
}


def differences(all_params: Mapping[str, Any], paper: Path = PAPER_FILE) -> list[tuple[str, str, str]]:
    """Name, value here and value in the paper's run of each parameter that differs and that results depend on, but for
    folders."""
    wanted = read_overrides(paper)
    found = ((name, _at(all_params, name), wanted[name]) for name in OF_THE_PAPER)
    return [(name, _said(here), _said(theirs)) for name, here, theirs in found if here != theirs]


def read_overrides(path: Path) -> dict[str, Any]:
    """The parameters that a profile sets, by dotted name."""
    from ruamel.yaml import YAML

    words = [word for word in shlex.split(path.read_text(encoding="utf-8"), comments=True) if word != "-S"]
    pairs = (word.partition("=") for word in words)
    return {name: YAML(typ="safe").load(value) if value else "" for name, _, value in pairs}


def digests(metrics: Mapping[str, Any], dataset: Path) -> list[tuple[str, str]]:
    """What is identified, and its digest; `dataset` is the table of all candidates."""
    found = [("QUILT, data/pairs/pairs.parquet", sha256(PAIR_TABLE.at()))] if PAIR_TABLE.at().exists() else []
    found.append(("all candidates with their images, data/dataset/pairs.parquet", sha256(dataset)))
    if trained := metrics.get("quiltnet", {}).get("data"):
        found.append(("what the model was trained on", trained))
    if protocol := metrics.get("zero_shot", {}).get("protocol"):
        found.append((f"protocol {protocol['name']}", protocol["digest"]))
    return found


def _at(all_params: Mapping[str, Any], name: str) -> Any:
    stage, *keys = name.split(".")
    value = all_params[stage]
    for key in keys:
        value = getattr(value, key)
    return value


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
