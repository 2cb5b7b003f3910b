"""Personal data (PII) in what was said: contact details, names of people, identifiers of patients."""

import re
from collections.abc import Container

PATTERNS = {
    "email": r"\b[\w.+-]+(?:@| at )[\w-]+(?:\.| dot )(?:com|org|net|edu|gov|info|io|co|de|uk|ca)\b",
    "address": r"\b(?:https?://|www\.)\S+"
    r"|\b\d{1,5} (?:[A-Z]\w+ ){1,3}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Drive|Boulevard)\b",
    "phone": r"(?<![\w.])\+?(?:\(?\d{2,4}\)?[ .-]){2,3}\d{3,4}\b",
    "name": r"\b(?:Dr|Mr|Mrs|Ms|Prof)\.? [A-Z][a-z]+|\b(?:[Dd]octor|[Pp]rofessor) [A-Z][a-z]+"
    r"|\b(?:[Mm]y name is|[Pp]atient(?:'s)? name is) \w+",
    "identifier": r"(?i:\b(?:medical record|mrn|accession|social security)(?: number)?(?: is)? ?[#:]?)"
    r" ?[A-Z]*-?\d[\d-]{3,}",
    "birth": r"(?i:\b(?:date of birth|born on))\b.*\d",
}
KINDS = {kind: re.compile(pattern) for kind, pattern in PATTERNS.items()}


def personal_data(text: str, terms: Container[str] = ()) -> list[str]:
    """Return the kinds of personal data in a sentence: email, address, phone, name, identifier, birth.

    A name that ends in one of `terms` (lower case) is none: recognisers often write "doctor" by mistake.
    """
    found = []
    for kind, pattern in KINDS.items():
        words = (match.group().split()[-1].lower() for match in pattern.finditer(text))
        if any(kind != "name" or word not in terms for word in words):
            found.append(kind)
    return found
