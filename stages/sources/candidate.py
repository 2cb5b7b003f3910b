"""A captioned image from outside."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """One image and one text about it.

    `key` names the pair within its source (`collect` numbers those that repeat); `group` is what must stay on one side
    of a split; `image` is an encoded image, or a reference to one (a path, or a member of a tar or zip as
    stages.common.data.references has it), which is read when its turn comes; `drop` is the reason why the source itself
    does not want it, "" otherwise, and `detail` what there is to add; `more` are columns of stages.common.tables.pairs
    that only this source knows.
    """

    key: str
    group: str
    image: bytes | str
    text: str
    provenance: str
    license: str = ""
    drop: str = ""
    detail: str = ""
    more: dict[str, Any] = field(default_factory=dict)
