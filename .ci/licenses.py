"""Print docs/licenses.md: what the lock files install and under which license, as packages say of themselves."""

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

LOCKS = ("requirements.lock", "requirements-data.lock")
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.M)
# Licenses that ask something of whoever hands on the package, or works made of it.
COPYLEFT = re.compile(r"\b(?:A|L)?GPL|Affero|Lesser|General Public|\bMPL|Mozilla|\bEPL|EUPL|CC-BY-SA|CDDL", re.I)
OWNED = re.compile(r"proprietary|nvidia", re.I)
LONGEST = 60  # letters of a license that are shown
PAGE = """\
# Licenses of what is installed

Made by `python .ci/licenses.py` (a part of `make lock`) from the metadata of the packages that `requirements.lock` and
`requirements-data.lock` name. It says what packages say of themselves, and gives no legal advice. Nothing of them is in
this repository: each is fetched from your package index. The code here is under [Apache-2.0](../LICENSE).

{flagged} of {total} packages are marked: **copyleft** asks something of whoever hands the package on, changes it or, as
the strong ones do, links it; **own terms** are those of a company; **not stated** is what the metadata leave out.
"elsewhere" is only installed on other systems than Linux on x86-64. Wheels also hold libraries under licenses of their
own: the FFmpeg in `imageio-ffmpeg`, which the pipeline runs as a program, is a GPL build.

| package | version | license | mark |
|---|---|---|---|
{rows}
"""


def page() -> str:
    """The page, for the packages of both lock files."""
    pinned = sorted({found for lock in LOCKS for found in PINNED.findall(Path(lock).read_text())})
    rows = [(f"`{name}`", version, *described(name)) for name, version in pinned]
    shown = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return PAGE.format(rows=shown, total=len(rows), flagged=sum(bool(row[-1]) for row in rows))


def described(name: str) -> tuple[str, str]:
    """License of an installed package, and its mark."""
    try:
        found = metadata(name)
    except PackageNotFoundError:
        return "", "elsewhere"
    classes = (one.split(" :: ") for one in found.get_all("Classifier", []))
    classifiers = [one[-1] for one in classes if one[0] == "License"]
    free = " ".join((found.get("License") or "").split())
    said = found.get("License-Expression") or ", ".join(one for one in classifiers if one != "OSI Approved") or free
    shown = said.replace("|", "/")[:LONGEST]
    if not shown or shown.upper() == "UNKNOWN":
        return "", "not stated"
    mark = "copyleft" if COPYLEFT.search(said) else "own terms" if OWNED.search(said) else ""
    return shown, f"**{mark}**" if mark else ""


if __name__ == "__main__":
    print(page(), end="")
