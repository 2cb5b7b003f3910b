"""Build the term index from open vocabularies, the field's own words, and UMLS files where the user has them."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common.data.files import write_json
from stages.common.models.weights import locate
from stages.common.tables.lexicon import TERMS, WORDS
from stages.common.text.english import common
from stages.common.text.lexicon import normal
from stages.lexicon.forms import british, plural, written
from stages.lexicon.params import Params
from stages.lexicon.vocabularies import Term, abbreviations, glossary, hgnc, hpo, mesh, mondo, umls

OWN = ("glossary", "abbreviations", "general")  # in this order; all of their terms are taken
RARE = ("mondo", "hpo")  # vocabularies that abbreviate the names of rare diseases
BRITISH = {"glossary": "general"}  # source of British forms: only what the glossary itself has, a corrector may write
LONG = 4  # letters, at least, of such an abbreviation: shorter ones have other meanings
TOO_COMMON = 4000  # most common English words, which are not medical terms on their own
COMMON = 20_000  # the same for chemicals, organisms and rare diseases, and for letters that are read as a word (map)
KNOWN = 60_000  # the same for abbreviations of the field: the others are taken in small letters, too (hsil)
BROAD = ("Organism", "Protein", "Substance")  # semantic types of the words that COMMON is about
SAFE = {("mesh", "Organism"), ("mesh", "Protein")}  # whose short abbreviations have no other meaning in pathology
UNCOUNTABLE = ("Protein", "Stain", "Substance")  # semantic types whose terms have no plural
GOOD_TERM = re.compile(r"[a-z][a-z0-9&' /.]{2,60}")
ABBREVIATION = re.compile(r"[A-Z]{2,6}")
LOCUS = re.compile(r"(?=.*\d)[A-Z0-9]{2,6}")  # a rare disease by the number of its gene, which reads like a marker


def build(params: Params, out: Path, metrics: Path) -> dict[str, Any]:
    """Write terms.parquet and words.parquet to `out`; a term found in several sources keeps the first."""
    rows = [
        *glossary(locate(params.glossary), "glossary"),
        *(glossary(locate(params.general), "general") if params.general else ()),
        *(umls(Path(params.umls)) if params.umls else ()),
        *(mesh(locate(params.mesh)) if params.mesh else ()),
        *(mondo(locate(params.mondo)) if params.mondo else ()),
        *(hpo(locate(params.hpo)) if params.hpo else ()),
        *(hgnc(locate(params.hgnc)) if params.hgnc else ()),
    ]
    if params.abbreviations:
        rows += abbreviations(locate(params.abbreviations), _meanings(rows))
    table = _table(list(dict.fromkeys(rows)))
    words = _words(table)
    TERMS.write(out / TERMS.path.name, table)
    WORDS.write(out / WORDS.path.name, words)
    sizes = table.groupby("source").size()
    write_json(metrics, {"terms": len(table), "words": len(words), "by_source": {k: int(v) for k, v in sizes.items()}})
    return {"items": len(table), "words": len(words)}


def _meanings(rows: list[Term]) -> dict[str, str]:
    """Concept of each name; of an ontology's synonyms, which are often broader or narrower, none."""
    first = {row.id: row.name for row in reversed(rows)}
    sure = [row for row in rows if row.source not in RARE or row.name == first[row.id]]
    genes = {row.name: row.id for row in rows if row.source == "hgnc" and row.name.isupper()}
    return {row.name.lower(): row.id for row in reversed(sure)} | genes


def _table(rows: list[Term]) -> pd.DataFrame:
    """Every form of every name, with the first of its concepts; and the others where a context tells them apart."""
    shared = _shared(rows)
    kept = (row for row in rows if row.source in OWN or (_good(row) and (row.name, _group(row)) not in shared))
    names = {row: normal(row.name) for row in kept}
    vocabulary = frozenset(word for row in rows for word in re.findall(r"[a-z]+", normal(row.name)))
    singular = list(names.items())
    plurals = [(row, _plural(row, name, vocabulary)) for row, name in names.items()]
    parts = [[pair for pair in singular + plurals if pair[0].source == source] for source in OWN]
    parts += [[pair for pair in pairs if pair[0].source not in OWN] for pairs in (singular, plurals)]
    found: dict[str, list[tuple[Term, bool]]] = {}
    for row, name in (pair for part in parts for pair in part):
        for form in written(name):
            meanings = found.setdefault(form, [])
            capitals = _in_capitals(row, form)
            own = row.source in OWN and not capitals and all(taken for _, taken in meanings)  # lip, beside LIP
            if own or not meanings or (row.context and row.source == meanings[0][0].source):
                meanings.append((row, capitals))
    for form, meanings in list(found.items()):
        if (spelling := british(form)) != form:
            found.setdefault(
                spelling,
                [(row._replace(source=BRITISH.get(row.source, row.source)), capitals) for row, capitals in meanings],
            )
    columns = ["term", "id", "semantic_type", "source", "abbreviation", "context"]
    lines = (
        (form, row.id, row.semantic_type, row.source, capitals, row.context)
        for form, meanings in sorted(found.items())
        for row, capitals in dict.fromkeys(meanings)
    )
    return pd.DataFrame(lines, columns=columns)


def _shared(rows: list[Term]) -> set[tuple[str, str]]:
    """Abbreviations that stand for several things, or of rare diseases that are genes, too: which cannot be told."""
    pairs = {(row.name, row.id, _group(row)) for row in rows if ABBREVIATION.fullmatch(row.name)}
    counts = Counter((name, group) for name, _, group in pairs)
    genes = {row.name for row in rows if row.source == "hgnc"}
    return {
        (name, group) for (name, group), count in counts.items() if count > 1 or (group == "rare" and name in genes)
    }


def _group(row: Term) -> str:
    return "rare" if row.source in RARE else row.source


def _good(row: Term) -> bool:
    """Whether a name of another vocabulary than ours is one that people say, and a medical one."""
    name = normal(row.name)
    if not GOOD_TERM.fullmatch(name) or "(" in row.name:
        return False
    if row.source in RARE and ABBREVIATION.fullmatch(row.name):
        return len(row.name) >= LONG
    if row.source in RARE and LOCUS.fullmatch(row.name):
        return False
    if row.source in ("mesh", "hgnc") and ABBREVIATION.fullmatch(row.name):
        return len(row.name) >= LONG or row.semantic_type not in BROAD or (row.source, row.semantic_type) in SAFE
    everyday = COMMON if row.semantic_type in BROAD or row.source in RARE else TOO_COMMON
    return " " in name or not common(name, everyday)


def _plural(row: Term, name: str, vocabulary: frozenset[str]) -> str:
    if ABBREVIATION.fullmatch(row.name):
        return f"{name}s" if row.source == "abbreviations" else name
    return name if row.semantic_type in UNCOUNTABLE else plural(name, vocabulary)


def _in_capitals(row: Term, form: str) -> bool:
    """Whether a form counts in capitals only: an abbreviation that may be another word in small letters."""
    letters = re.split(r"[^a-z]", form)[0]
    if form != letters and re.search(r"\d", form):
        return " " in form and common(letters, TOO_COMMON if row.source in OWN else COMMON)
    if not ABBREVIATION.fullmatch(row.name) or row.source == "glossary":
        return False
    return row.source not in OWN or len(letters) < LONG or common(letters, KNOWN)


def _words(table: pd.DataFrame) -> pd.DataFrame:
    """Every word of four letters or more, with the number of concepts in whose terms it occurs.

    Concepts of chemicals, proteins and organisms do not count: their words are known, but are no words that a
    recogniser would mishear often.
    """
    words = table.set_index("id").term.str.findall(r"[a-z]{4,}").explode().dropna()
    seen = words.reset_index().drop_duplicates()
    seen["counts"] = ~seen.id.isin(table.id[table.semantic_type.isin(BROAD) & ~table.source.isin(OWN)])
    counted = seen.groupby("term").counts.sum()
    return pd.DataFrame({"word": counted.index, "concepts": counted.to_numpy("int64")})
