"""The version of the pipeline, which only pyproject.toml states."""

import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[3] / "pyproject.toml"


def version() -> str:
    """What pyproject.toml says. The project is run from its folder, so no installed package knows it."""
    return str(tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["version"])
