"""Forms in which a term is said and written: plurals, British spelling, and codes such as CD20 or Ki-67."""

import re

from stages.common.text.english import ranks

# How adjectives end: of the plurals that English has of them (generals), none is meant.
ADJECTIVE = re.compile(
    r".*(?:al|ar|ary|ory|ic|ous|(?<!carcin)(?<!kel)(?<!ster)oid|ed|ing|ive|ible|able|like|crine|situ)"
)
NOUN = re.compile(r".*(?:oma|cyte|blast|clast|phage|phil|body|cell|figure|node|nodule|score|stain)")
BRITISH = (
    (r"\b(o?)esophag", "oesophag"),
    (r"\b(o?)edema", "oedema"),
    (r"\b(o?)estrogen", "oestrogen"),
    (r"\bhem(?=[ao])", "haem"),
    (r"(?<=[a-z])(?<!a)emia\b", "aemia"),
    (r"\b(a?leuk|an|ur|isch|hypoglyc|hyperglyc|hypovol)emic\b", r"\1aemic"),
    (r"tumor(?=s?\b)", "tumour"),
    (r"\bpediatric", "paediatric"),
    (r"\bgynec", "gynaec"),
    (r"\bcec(?=um|al)", "caec"),
    (r"\bceliac", "coeliac"),
    (r"\bfiber", "fibre"),
    (r"\bcenter", "centre"),
    (r"\bischem", "ischaem"),
    (r"orrhea\b", "orrhoea"),
    (r"lipidemi", "lipidaemi"),
)
AMERICAN = re.compile("|".join(pattern for pattern, _ in BRITISH))
COMMON = 20_000  # rank in English of a plural such as crystals, whose singular ends as adjectives do
CODE = 12  # letters, at most, of a code
PART = re.compile(r"(?<=[a-z])[ .]?(?=\d)|(?<=\d)[ .]?(?=[a-z])")


def plural(term: str, words: frozenset[str]) -> str:
    """The regular English plural of a term; the term itself where it has none.

    One that ends in s is taken for a plural or a mass noun. Others have a plural only where its last word is among
    `words`, those of all vocabularies, or is English, or ends as nouns of the field do: no septas, no dermals.
    """
    last = re.split(r"[^a-z]", term)[-1]
    if not last or last.endswith("s"):
        return term
    many = _regular(last)
    if ADJECTIVE.fullmatch(last):
        found = ranks().get(many, COMMON) < COMMON
    else:
        found = many in words or many in ranks() or NOUN.fullmatch(last) is not None
    return term.removesuffix(last) + many if found else term


def _regular(word: str) -> str:
    if re.search(r"[^aeiou]y$", word):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("x", "ch", "sh")) else f"{word}s"


def written(term: str) -> list[str]:
    """`term`, in lower case; of a code also the ways with and without a space between letters and figures."""
    if len(term) > CODE or term.count(" ") > 1 or not PART.search(term):
        return [term]
    return list(dict.fromkeys((term, PART.sub("", term), PART.sub(" ", term))))


def british(term: str) -> str:
    """`term` as it is spelt in British English."""
    for american, spelling in BRITISH if AMERICAN.search(term) else ():
        term = re.sub(american, spelling, term)
    return term
