"""The pipeline as a whole: `python -m stages --version` says which one this is; `dvc repro` runs it."""

import argparse
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def version() -> str:
    """The version that pyproject.toml states. The project is run from its folder, so no installed package knows it."""
    return str(tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["version"])


def main() -> None:
    """Answer the command line."""
    parser = argparse.ArgumentParser(prog="python -m stages", description=__doc__)
    parser.add_argument("--version", action="version", version=version())
    parser.parse_args()
    parser.print_help()


if __name__ == "__main__":
    main()
