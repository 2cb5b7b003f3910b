"""The examples of docs/extending.md, as files."""

import re
from pathlib import Path

from conftest import ROOT

PAGE = ROOT / "docs/extending.md"
FILES = re.compile(r"```(?:python|yaml)\n# ((?:extensions|protocols)/\S+)\n(.*?)```", re.S)


def write_examples(folder: Path) -> list[str]:
    """Write every file that the page shows below `folder`; return their paths."""
    shown = FILES.findall(PAGE.read_text(encoding="utf-8"))
    for path, text in shown:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return [path for path, _ in shown]
