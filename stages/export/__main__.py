"""Copy the dataset into the forms of other people's tools: data/dataset in, a folder of your choice out.

It stands outside of the pipeline. `datacomp` writes shards with a uid for each pair, metadata and subsets, as DataComp
and img2dataset have them; `huggingface` a repository of the Hub, parquet with a card; `narratives` localized
narratives: words with times, cursor traces and boxes, for Localized Narratives' tools and Quilt-LLaVA's. `model` writes
models/quiltnet as a repository of the Hub.
"""

import argparse
from pathlib import Path
from typing import Any

from stages.common.errors import StageError
from stages.common.stage.cli import run_stage
from stages.common.stage.params import Base

FORMS = ("datacomp", "huggingface", "narratives", "model")


def run(base: Base, form: str, to: Path, license: list[str], name: str) -> dict[str, Any]:
    """Write the model, or the pairs that have a split, or those of them under some licenses, in one form."""
    from stages.common.data.files import write_bytes
    from stages.common.paths import DATASET_DIR, QUILTNET_DIR
    from stages.common.stage.notes import NOTE
    from stages.common.stage.params import load_all_params
    from stages.common.withdrawals import check_up_to_date
    from stages.export.datacomp import write_pool
    from stages.export.folder import new_folder
    from stages.export.huggingface import write_repository
    from stages.export.inputs import kept_pairs
    from stages.export.model import write_model
    from stages.export.narratives import write_narratives
    from stages.export.run import run_line

    if (form == "model") != bool(name) or (name and license):
        raise StageError("`model` takes --name OWNER/NAME and no --license, the other forms take no --name")
    if form == "model":
        check_up_to_date("quiltnet")
        with new_folder(to) as folder:
            return write_model(folder, name, run_line(QUILTNET_DIR))
    pairs = kept_pairs(license)
    check_up_to_date("dataset")
    note = DATASET_DIR / NOTE
    words = note.read_text(encoding="utf-8") if note.exists() else ""
    with new_folder(to) as folder:
        if form == "huggingface":
            title = load_all_params()["report"].title  # type: ignore[attr-defined]
            return write_repository(folder, pairs, title, words, run_line(DATASET_DIR))
        write_bytes(folder / NOTE, words.encode())
        return {"datacomp": write_pool, "narratives": write_narratives}[form](folder, pairs)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="a folder that is not there, or is empty")
    parser.add_argument(
        "--license",
        action="append",
        default=[],
        metavar="TEXT",
        help="only pairs whose license has this in it, in capitals or not; may be given several times",
    )
    parser.add_argument("--name", default="", metavar="OWNER/NAME", help="of model: what it will be called on the Hub")


if __name__ == "__main__":
    run_stage("export", run, __doc__, choices=FORMS, arguments=_arguments)
