"""Personal data (PII) in what was said: names, institutions, contact details, dates, ages, identifiers of patients."""

import functools
import re
from collections.abc import Container, Iterator
from pathlib import Path

from stages.common.text.english import common
from stages.common.text.lexicon import normal

NAMES_FILE = Path(__file__).parent / "given_names.txt"
MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
DAY = (
    r"(?:\d{1,2}(?:st|nd|rd|th)?|(?:(?:twenty|thirty)[ -])?(?:first|second|third|(?:four|fif|six|seven|eigh|nin)th)"
    r"|(?:ten|eleven|twelf|\w+teen|twentie|thirtie)th)"
)
NUMBER = (
    r"(?:\d{1,3}|(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[ -]?)?"
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty|seventy"
    r"|eighty|ninety))"
)
DIGIT = r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|\d)"
PERSON = r"(?:man|woman|male|female|boy|girl|lady|gentleman|patient|child|infant|baby|person|guy|mother|father)"
THINGS = (
    r"(?:lesion|tumou?r|scar|infarct\w*|wound|thromb\w*|ha?ematoma|ulcer|embryo|injury|textbook|classification"
    r"|slide|block|section|specimen|stain)"
)
DOMAIN = r"(?:com|org|net|edu|gov|info|io|tv|co|de|uk|ca)"
PLACE = r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Drive|Boulevard|Court|Square)"
HOUSE = (
    r"(?:University|Hospitals?|Clinics?|Institute|Infirmary|College|Laborator(?:y|ies)|Foundation|Health System"
    r"|Healthcare|Medical (?:Center|Centre|School|College|Group)|Cancer (?:Center|Centre)|School of Medicine"
    r"|Pathology Associates)"
)
KNOWN_HOUSES = (
    r"(?:Mayo Clinic|Johns Hopkins|Cleveland Clinic|MD Anderson|Sloan[ -]Kettering|Mass(?:achusetts)? General|Stanford"
    r"|Harvard|Yale|Oxford|Cambridge|Duke|Emory|Cedars[ -]Sinai|Mount Sinai|UCSF|UCLA|NYU|UPMC)"
)
PATTERNS = {
    "email": rf"(?i:\b[\w.+-]+(?:@| at )[\w-]+(?:\.| dot ){DOMAIN}\b)",
    "address": rf"(?i:https?://|\bwww\.)\S+|(?i:\b[\w-]+(?: dot |\.){DOMAIN}\b)(?! \d)"
    r"|(?<!\w)@\w{3,}|(?i:\b(?:handle|user ?name) is )\w+|(?i:\b(?:twitter|instagram) at )\w+"
    rf"|\b\d{{1,5}} (?:[A-Z]\w+ ){{1,3}}{PLACE}\b|\blives? (?:at \d|(?:at|in|on|near) [A-Z])",
    "phone": r"\+\d[\d ().-]{7,}\d|\(?\b\d{3}\)?[.-] ?\d{3}[.-]\d{4}\b|\(\d{3}\) ?\d{3}[ .-]\d{4}\b"
    r"|(?i:\b(?:call|(?:tele)?phone|mobile|fax|text|whatsapp|reach|contact|dial|(?:my|our|cell) number)\b[^.\d]{0,25})"
    r"\d[\d ()-]{5,}\d"
    rf"|(?i:\b(?:{DIGIT} ){{6,}}{DIGIT}\b)",
    "identifier": r"(?i:\b(?:medical record|mrn|social security|accession)(?: (?:number|no\.?|id))?(?: is| was)?)"
    r" ?[#:]? ?[A-Z]{0,3}-?\d(?:[ -]?\d){3,}\b"
    r"|\b(?i:case|specimen|slide|surgical|biopsy|block|lab(?:oratory)?|hospital|patient|chart|file|record|pathology)"
    r" (?:(?i:number|no\.?|id|code|#)(?: is| was)? ?[#:]? ?[A-Z]{0,3}|[A-Z]{1,3})-?\d(?:[ -]?\d){3,}\b"
    r"|\b[A-Z]{1,3}\d{2}-\d{3,6}\b|\b\d{3}-\d{2}-\d{4}\b|(?i:\binitials (?:are|were|is) )\w",
    "birth": r"(?i:\b(?:date of birth|dob|birth ?day|born (?:on|in))\b)[^.;:!?\d]{0,20}(?:\d|[A-Z][a-z]+ \d)",
    "age": rf"(?i:\b{NUMBER}[ -](?:year|month|week|day)s?[ -]old\b(?!s| (?:\w+ ){{0,2}}{THINGS}))"
    rf"|(?i:\b(?:she|he|who|patient|{PERSON}) (?:is|was) {NUMBER}(?: years)?(?=[.,]| and\b))"
    rf"|(?i:(?<!to )(?<!and )(?<!over )(?<!under )\b{NUMBER} years of age\b)|(?i:\b{NUMBER}[ -]?y/?o\b)"
    rf"|(?i:\b(?:patient|{PERSON}),? (?:aged?|age of) {NUMBER}\b)|^[Aa]ged {NUMBER}\b",
    "date": rf"\b{MONTH} (?:the )?{DAY}\b(?! (?:is|are|cells?|stains?)\b)|\b{DAY} (?:of )?{MONTH}\b"
    rf"|\b(?:[Ii]n|[Ff]rom|[Ss]ince|of|until) {MONTH},? (?:of )?(?:19|20)\d\d\b"
    r"|\b(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.? "
    r"\d{1,2},? (?:19|20)\d\d\b|\b\d{1,2}[/.]\d{1,2}[/.](?:19|20)?\d\d\b|\b(?:19|20)\d\d-\d\d-\d\d\b",
    "institution": rf"\b(?:(?:[A-Z][\w.]*(?:'s)?|of|and|for|the) ){{0,4}}[A-Z][\w.]*(?:'s)? {HOUSE}\b"
    rf"|\b{HOUSE} (?:of|at|in|for) (?:the )?[A-Z]"
    rf"|\b{KNOWN_HOUSES}\b(?! (?:series|study|classification|criteria|scor|cohort|data|grad|stag|system|protocol))"
    r"|\b(?i:(?:work\w*|train\w*|pathologist|dermatopathologist|resident|fellow|professor|faculty|student"
    r"|practi[cs]e\w*) (?:here )?(?:at|in) )(?:the )?(?!\w+(?:ology|ics|ine)\b)[A-Z][a-z]+"
    r"|\b[Hh]ere at (?!Low|High|Medium)[A-Z][a-z]+",
}
KINDS = {kind: re.compile(pattern) for kind, pattern in PATTERNS.items()}
# Societies and the like, whose books and criteria are quoted.
SOCIETY = re.compile(
    r"\b(?!(?:[A-Z]\w+ |of |for |the |and )+(?:Hospital|Infirmary|Clinic|University)\b)(?:American|National"
    r"|European|World|International|Royal|British|Armed|College of American)"
    r"(?: [A-Z]\w+| of| for| the| and)+"
)
AGED_THING = re.compile(rf"(?i:\b{THINGS} (?:(?:is|was|are|were|looks|about|at least|only) )+{NUMBER}[ -]\w+[ -]old\b)")
EPONYM = re.compile(
    r"(?:'s?)?[ -](?:\w+ )?(?:bod(?:y|ies)|cells?|disease|syndrome|stains?|sign|tumou?rs?|classification|criteria"
    r"|grad\w+|scor\w+|system|method|blue|red|green|black|brown|silver|blot|reaction|nodules?|rosettes?|spaces?"
    r"|test|lymphoma|sarcoma|carcinoma|membrane"
    r"|fibers?|glands?|corpuscles?|thyroiditis|esophagus|spots?|crystals?|nuclei|formula|depth|level|staging|atrophy"
    r"|algorithm|phenomenon|index|ratio|rule|law|technique|procedure|fixative|solution"
    r"|patch(?:es)?|pouch|loop|duct|angle|rings?|bands?|granules?|units?|nod(?:e|es)|nev(?:us|i)|hyaline?)\b"
)
CAPITALISED = r"(?:[A-Z]')?[A-Z][a-z]+(?:-?[A-Z][a-z]+)*"
MISTER = re.compile(r"\b(?:Mr|Mrs|Ms|Miss)\.? [A-Z]\w*|\b(?i:name (?:is|was)|(?:his|her) name(?:'s)?) [A-Z]\w+")
TITLED = re.compile(rf"\b(?:(?:Dr|Prof)\b\.?|[Dd]octor|[Pp]rofessor) (?:[A-Z]\.? ?)*({CAPITALISED})")
INITIALS = re.compile(r"\b[Pp]atient(?: initials?)?,? ((?:[A-Z]\.? ?){2,3})(?![\w])")
CUE = (
    r"(?i:\b(?:i'm|i am|i was|this is|here is|it's|thanks?(?: you)?(?: to|,)?|courtesy of|by|from|with"
    r"|credit to|acknowledge|introduce|welcome|surgeon,|pathologist,|clinician,|director,|guest,?|colleagues?,?"
    r"|friends?,?|patient,?|resident,?|fellow,?|mentor,?|hi,?|hello,?|hey,?|dear|named"
    r"|joined by|host,?|presenter|speaker|ask|asked|for|and))"
)
FULL = re.compile(rf"{CUE} ({CAPITALISED})((?: [A-Z]\.)? {CAPITALISED}(?: {CAPITALISED})?)")
ONLY = re.compile(
    rf"(?i:\b(?:my name is|call me|named|colleague,?|friend,?|thanks to|thank you,?|thank)) ({CAPITALISED})(?!['-]?\w)"
)
# A person of the literature, not of the case: what they did, or what is theirs.
AUTHOR = re.compile(
    r"(?: [A-Z][\w-]+){0,2}(?:(?:,? and|,) (?:(?:Dr|Prof)\.? |[Dd]octor |[Pp]rofessor )?[A-Z][\w-]+)*"
    r"(?:(?:'s|s') (?!(?:case|patient|slide|biopsy|office|lab|talk|lecture|video|channel)\b)[\w-]+"
    r"| was (?:a|the) (?:\w+ )?(?:giant|pioneer|founder|father|surgeon|legend)"
    r"|,? (?:who )?(?:first |originally |had )?(?:describe|call|classif|report|coin|propos|publish|nam|discover|defin"
    r"|recogni|introduc|wrote|writes|develop|divid|believ|argu|suggest|show(?:ed|s) that)\w*)"
)
BY_AUTHOR = re.compile(
    r"\b(?:describ|nam|coin|classif|report|propos|introduc|publish|defin|discover|devis|develop|invent)\w*"
    r"(?: \w+)? (?:by|after|of)"
    r"(?: (?:Dr|Prof)\.?| [Dd]octor| [Pp]rofessor)? $"
)
COMMON_NAMES = 10_000  # most common English words, of which a name without a given name is not made


@functools.cache
def given_names() -> frozenset[str]:
    """Given names that are no common words."""
    return frozenset(NAMES_FILE.read_text(encoding="utf-8").split())


def personal_data(text: str, terms: Container[str] = ()) -> list[str]:
    """Return the kinds of personal data in a sentence: name, and those of PATTERNS.

    A name that is one of `terms`, or begins one, is none: Graves disease; and recognisers often write "doctor" by
    mistake. Neither are people of the literature, who described or classified something.
    """
    plain = text.replace("’", "'")
    own = rest = AGED_THING.sub("", SOCIETY.sub("", plain))
    found = []
    for kind, pattern in KINDS.items():
        rest, count = pattern.subn("; ", rest)  # what is an email, is no address, too
        found += [kind] if count else []
    return found + (["name"] if any(_names(own, terms)) else [])


def _names(text: str, terms: Container[str]) -> Iterator[str]:
    """The names of people in a sentence."""
    yield from MISTER.findall(text)
    for match in TITLED.finditer(text):
        if match.group(1).lower() not in terms and not _is_author(text, match):
            yield match.group()
    for match in INITIALS.finditer(text):
        if re.sub(r"[. ]", "", match.group(1)).lower() not in terms:
            yield match.group()
    for match in re.finditer(rf"(?<![\w-]){CAPITALISED}", text):
        if match.group() in given_names() and not _of_literature(text, match, terms):
            yield match.group()
    for match in FULL.finditer(text):
        words = [match.group(1), *match.group(2).split()]
        ordinary = all(common(word.lower(), COMMON_NAMES) or word.lower() in terms for word in words)
        if not ordinary and not any(word.lower() in terms for word in words) and not _of_literature(text, match, terms):
            yield match.group()
    for match in ONLY.finditer(text):
        word = match.group(1).lower()
        if not common(word, COMMON_NAMES) and word not in terms and not _of_literature(text, match, terms):
            yield match.group()


def _of_literature(text: str, name: re.Match[str], terms: Container[str]) -> bool:
    """Whether a name is that of an author, or begins or ends a term (Russell bodies, Rosai Dorfman disease)."""
    if _is_author(text, name) or EPONYM.match(text, name.end()) or text[name.end() : name.end() + 1] == "-":
        return True
    begin = _begin(name)
    before, words = text[:begin].split(), re.findall(r"[\w'-]+", text[begin:])
    return any(
        normal(" ".join([*before[len(before) - back :], *words[:count]])) in terms
        for back in range(3)
        for count in range(1, 5)
    )


def _is_author(text: str, name: re.Match[str]) -> bool:
    """Whether a name is that of a person of the literature, by what is said before and behind it."""
    return AUTHOR.match(text, name.end()) is not None or BY_AUTHOR.search(text[: _begin(name)]) is not None


def _begin(name: re.Match[str]) -> int:
    """Where the name itself begins in a match with its title or cue."""
    return name.start(1) if name.re.groups else name.start()
