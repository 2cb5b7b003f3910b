"""The block `lexicon` of params.yaml."""

from stages.common.params import Block, Place


class Params(Block):
    """Where terms come from; "" leaves a vocabulary out."""

    glossary: Place[str]
    mesh: Place[str]
    mondo: Place[str]
    hpo: Place[str]
    umls: Place[str]
