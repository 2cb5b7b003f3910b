"""The block `lexicon` of params.yaml."""

from stages.common.params import Block


class Params(Block):
    """Where terms come from; "" leaves a vocabulary out."""

    glossary: str
    mesh: str
    mondo: str
    hpo: str
    umls: str
