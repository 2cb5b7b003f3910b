"""What stage lexicon writes: the index of terms, and its vocabulary."""

from stages.common.paths import LEXICON_DIR
from stages.common.tables.schema import Column, Table

TERMS = Table(
    stage="lexicon",
    path=LEXICON_DIR / "terms.parquet",
    rows="a meaning of a form of a term",
    columns=(
        Column("term", "string", "as it is looked up: lower case, a space for each hyphen"),
        Column("id", "string", "concept id, UMLS:... where there is one"),
        Column("semantic_type", "string", "Anatomy, Cell, Disease, Neoplasm, Protein, Stain, ... or UMLS's own"),
        Column("source", "string", "glossary, abbreviations, general, umls, mesh, mondo, hpo or hgnc"),
        Column("abbreviation", "bool", "whether it counts in capitals only"),
        Column("context", "string", "words that speak for this meaning, or empty: the usual one"),
    ),
)
WORDS = Table(
    stage="lexicon",
    path=LEXICON_DIR / "words.parquet",
    rows="a word of the terms",
    columns=(
        Column("word", "string", "lower case, four letters or more"),
        Column("concepts", "int64", "concepts in whose terms it occurs, without chemicals, proteins and organisms"),
    ),
)
