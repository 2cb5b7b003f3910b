"""Parameters of the stage `lexicon`."""

from stages.common.stage.params import ParamsModel, Place


class Params(ParamsModel):
    """Where terms come from; "" leaves a vocabulary out."""

    glossary: Place[str]
    abbreviations: Place[str]
    general: Place[str]
    mesh: Place[str]
    mondo: Place[str]
    hpo: Place[str]
    hgnc: Place[str]
    umls: Place[str]
