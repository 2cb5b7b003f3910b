"""Whether somebody may have been withdrawn since the outputs were made: then they must not leave this machine."""

from collections.abc import Iterator, Mapping
from typing import Any

from stages.common.errors import StageError
from stages.common.paths import CHECKED_FILE, NAMED_DIR

NOT_DATA = ("stages/", "params.yaml", f"{NAMED_DIR.as_posix()}/", CHECKED_FILE.parent.as_posix())  # code and the like


def check_up_to_date(*stages: str) -> None:
    """Raise StageError where data that `stages`, or else all of them, were made from has changed since.

    Withdrawals are such changes: a line of the catalog, an answer of a reader, an item that has left its export. Inputs
    that are not on this machine cannot have changed, and outside a DVC repository nothing is known of any.
    """
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            status = repo.status(targets=list(stages) or None, with_deps=bool(stages))
    except NotDvcRepoError:
        return
    for stage, path in _modified(status):
        if not path.startswith(NOT_DATA):
            remedy = " ".join(["dvc repro", *stages])
            raise StageError(
                f"{path} has changed since {stage} ran: run `{remedy}` first, so that nothing withdrawn goes out"
            )


def _modified(status: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(stage, path) of each dependency that DVC finds changed."""
    for stage, changes in status.items():
        for change in changes:
            dependencies = change.get("changed deps", {}) if isinstance(change, dict) else {}
            yield from ((stage, path) for path, how in dependencies.items() if how == "modified")
