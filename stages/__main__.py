"""The pipeline as a whole: `python -m stages --version` says which one this is; `dvc repro` runs it."""

import argparse

from stages.common.stage.version import version


def main() -> None:
    """Answer the command line."""
    parser = argparse.ArgumentParser(prog="python -m stages", description=__doc__)
    parser.add_argument("--version", action="version", version=version())
    parser.parse_args()
    parser.print_help()


if __name__ == "__main__":
    main()
