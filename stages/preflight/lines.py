"""The lines of a dvc.yaml that say which code, named files and parameters a stage depends on.

They come from the code's imports and from the schemas of params.yaml, which item keys come from too. The data that a
stage reads is written by hand.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.common.incremental.code import ROOT, sources
from stages.common.paths import CHECKED_FILE, NAMED_DIR
from stages.common.stage.params import ParamsModel

CODE = "stages"
SHARED = Path("stages/common")
FIRST = "preflight"
# How a stage starts, what it is up to date with and how it reports changes no output.
START = {"cli.py", "code.py", "contents.py", "dependencies.py", "errors.py", "forced.py", "logs.py", "named.py"}
SCHEMA = "params.py"
KEY = "${key}"  # a member of a group of stages that share a definition
# Parameters that may name code of the user's own. The check loads it, so that a mistake is found before DVC removes
# outputs.
EXTENSIONS = ("captions/engine", "dataset/filters", "evaluation/protocol", "quiltnet/loss", "sources/more")
MAPPING = re.compile(r"\$\{\w+\.(\w+)\}")  # such a group whose members a parameter lists


def write_lines(path: Path, all_params: Mapping[str, ParamsModel]) -> int:
    """Write the generated lines of every stage of the dvc.yaml at `path`; return the number of stages."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    tree = yaml.load(path)
    for name, definition in tree["stages"].items():
        stage = definition.get("do", definition)
        package = stage["cmd"].split(" -m ")[1].split()[0]
        group = definition.get("foreach")
        members = group if isinstance(group, dict) else {}
        added = found[1] if isinstance(group, str) and (found := MAPPING.fullmatch(group)) else ""
        stage["deps"] = [*_data(stage.get("deps", [])), *code_lines(name, package, all_params, list(members), added)]
        if package.rpartition(".")[2] in all_params:
            stage["params"] = param_lines(package.rpartition(".")[2], all_params, stage, members, added)
    yaml.dump(tree, path)
    return len(tree["stages"])


def _data(deps: list[str]) -> list[str]:
    """Dependencies that are written by hand."""
    return [dep for dep in deps if not dep.startswith((f"{CODE}/", NAMED_DIR.as_posix(), CHECKED_FILE.as_posix()))]


def code_lines(
    stage: str, package: str, all_params: Mapping[str, ParamsModel], members: list[str], added: str = ""
) -> list[str]:
    """The checked parameters, folders of links to named files, and code. A package with a sub-package for each of its
    `members` depends on the one that is run, and on what all of them share; on the latter alone where the members are
    the user's own, which the parameter `added` lists."""
    group = bool(members or added)
    roots = [f"{package}.__main__", *(f"{package}.{member}" for member in members)] if group else [package]
    paths = [path.relative_to(ROOT) for path in sources(*roots, without=START)]
    folder = Path(package.replace(".", "/"))
    common = [path.as_posix() for path in paths if path.is_relative_to(SHARED) and path.name != SCHEMA]
    own = [folder.as_posix()]
    if group:
        own = [path.as_posix() for path in paths if path.parent == folder]
        own += [f"{folder.as_posix()}/{KEY}"] if members else []
    if stage == FIRST:
        schemas = ROOT.glob(f"{CODE}/*/{SCHEMA}")
        return [
            *(f"{NAMED_DIR.as_posix()}/{place}" for place in EXTENSIONS),
            *own,
            *sorted({*common, *(path.relative_to(ROOT).as_posix() for path in schemas)}),
        ]
    name = package.rpartition(".")[2]
    read = ".".join([name, *filter(None, [added]), *([KEY] if group else [])])
    return [CHECKED_FILE.as_posix(), *_named(name, all_params, read), *own, *common]


def _named(stage: str, all_params: Mapping[str, ParamsModel], read: str) -> list[str]:
    """Folders with links to the files that the parameters which a stage reads may name: its own, `read`, and others."""
    if stage not in all_params:
        return []
    folders = []
    for parameter in [read, *all_params[stage].uses]:
        name, _, rest = parameter.partition(".")
        if parameter != read and rest.endswith(KEY):
            continue  # of sources of the user's own, only those themselves run their code
        places = [*all_params[name].places(), *(all_params[name].listings() if parameter == name else ())]
        if rest.endswith(KEY) or any(f"{name}.{place}.".startswith(f"{parameter}.") for place in places):
            folders.append((NAMED_DIR / parameter.replace(".", "/")).as_posix())
    return folders


def param_lines(
    stage: str, all_params: Mapping[str, ParamsModel], definition: Any, members: dict[str, Any], added: str = ""
) -> list[str]:
    """The parameters that results depend on. An incremental stage runs at any change of its parameters, since it knows
    itself what is left to do; the others do not run for Operational parameters."""
    values = all_params[stage]
    if members:
        own = _members(values, members)
    elif added:
        own = [f"{stage}.{added}.{KEY}", *_shared(values)]
    elif any("persist" in str(out) for out in definition["outs"]):
        own = [stage]
    else:
        found = values.results()
        own = [stage] if set(found) == set(type(values).model_fields) else [f"{stage}.{name}" for name in found]
    return [*(name for name in values.uses if name.startswith("base.")), *own, *_others(values)]


def _others(values: ParamsModel) -> list[str]:
    return [name for name in values.uses if not name.startswith("base.")]


def _members(values: ParamsModel, members: dict[str, Any]) -> list[str]:
    """Write each member's parameters into its entry; return the lines that refer to them, as many as the longest list
    has: DVC takes no list as a variable there, but accepts a parameter twice."""
    stage = type(values).__module__.split(".")[1]
    lists = {name: [f"{stage}.{name}.{one}" for one in getattr(values, name).results()] for name in members}
    longest = max(map(len, lists.values()))
    for name, entry in members.items():
        entry["params"] = lists[name] + [lists[name][-1]] * (longest - len(lists[name]))
    return [*(f"${{item.params[{number}]}}" for number in range(longest)), *_shared(values)]


def _shared(values: ParamsModel) -> list[str]:
    """The parameters that belong to no single member of a group."""
    stage = type(values).__module__.split(".")[1]
    return [f"{stage}.{name}" for name in values.results() if not isinstance(getattr(values, name), ParamsModel | dict)]
