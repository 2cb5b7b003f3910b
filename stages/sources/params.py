"""The block `sources` of params.yaml."""

from pydantic import Field

from stages.common.params import Block


class Pubmed(Block):
    """A folder of PubMed Central open-access packages."""

    folder: str
    licences: list[str]


class Openpath(Block):
    """A folder with tweets.csv and the images it names."""

    folder: str
    languages: list[str]


class Laion(Block):
    """A folder with laion.parquet and, for a machine without network, a mirror of its addresses."""

    folder: str
    min_similarity: float = Field(ge=-1, le=1)
    max_unsafe: float = Field(ge=0, le=1)


class Params(Block):
    """The three sources beside video, and what every image must meet."""

    pubmed: Pubmed
    openpath: Openpath
    laion: Laion
    min_side: int = Field(ge=1)
    min_words: int = Field(ge=0)
