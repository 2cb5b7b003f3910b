"""Parameters of the stage `sources`."""

from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, StringConstraints

from stages.common.stage.extensions import one_of
from stages.common.stage.params import Operational, ParamsModel, Place


class Search(ParamsModel):
    """What `python -m stages.sources search` looks for in PubMed Central."""

    keywords: list[str]
    first_year: int = Field(ge=1900)
    last_year: int = Field(ge=1900)
    per_keyword: int = Field(ge=1, le=10000)
    email: str
    key: str
    entrez: str
    articles: str


class Pubmed(ParamsModel):
    """A folder of PubMed Central open-access articles, and how it is filled."""

    renamed: ClassVar = {"licences": "licenses"}

    folder: str
    licenses: list[str]
    search: Operational[Search]


class Openpath(ParamsModel):
    """A folder with tweets.csv and the images it names, and the API that turns ids into them."""

    folder: str
    api: Operational[str]
    token: Operational[str]


class Queries(ParamsModel):
    """What is looked for in an index of embeddings."""

    index: Place[str]
    model: str
    pretrained: str
    texts: list[str]
    per_query: int = Field(ge=1)
    expand: int = Field(ge=0)


class Laion(ParamsModel):
    """A folder with tables of addresses and, for a machine without network, a mirror of them."""

    folder: str
    url: str
    text: str
    similarity: str
    unsafe: str
    queries: Queries
    min_similarity: float = Field(ge=-1, le=1)
    max_unsafe: float = Field(ge=0, le=1)
    threads: Operational[int] = Field(ge=1)
    retries: int = Field(ge=0)
    timeout_s: float = Field(gt=0)
    max_bytes: int = Field(ge=1)
    private_addresses: bool


class TableSource(ParamsModel):
    """Any tables of images and texts."""

    renamed: ClassVar = {"licence": "license"}

    folder: str
    images: str
    image: str
    text: str
    group: str
    license: str


class Added(ParamsModel):
    """A source of the user's own: the function that reads it, the folder that it reads, and whatever other parameters
    the function takes."""

    model_config = ConfigDict(extra="allow")

    read: Annotated[Place[str], one_of()]
    folder: str

    @property
    def options(self) -> dict[str, Any]:
        """The parameters that only this source's function knows."""
        return dict(self.model_extra or {})

    def results(self) -> dict[str, Any]:
        """With the options."""
        return super().results() | self.options


SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*$")]  # ids of pairs begin with it and a "_"


class Params(ParamsModel):
    """The sources other than video, and what every image and text must meet."""

    pubmed: Pubmed
    openpath: Openpath
    laion: Laion
    table: TableSource
    more: dict[SourceName, Added]
    languages: list[str]
    min_side: int = Field(ge=1)
    min_words: int = Field(ge=0)
    max_words: int = Field(ge=1)
