"""Negated entities, by the words around them: NegEx (Chapman et al. 2001) with the rules of ConText (Harkema et al.
2009) for what only looks like a negation, for where its scope ends, and for negations behind the entity."""

import re

from stages.common.text.lexicon import EntityMention

REACH = 12  # words, at most, between a negation and the term that it negates
NEGATIVE = frozenset({"Protein", "Stain", "Organism"})  # semantic types that are absent where they are "negative"

NOT = r"(?:\bnot|\bnever|\bcannot|n't)"
# Negates nothing: certainty, degree, advice, questions, and what is left open.
PSEUDO = re.compile(
    rf"""
      \bno\ (?:\w+\ )?(?:increase|decrease|change|difference|loss|reduction|lack|absence|shortage|doubt|question|wonder
        |mistaking|surprise|need|reason|problem|treatment|therapy)s?\b(?:\ (?:in|of|about|that|to|for))?
    | \bno\ longer\ (?!(?:an?|any|is|are|was|were|has|have|there|see|seen|find|visible|present|identif\w*)\b)\w+
    | \bnever\ (?:have|had)\ (?:i|we|you)\b | \bno\ (?:matter|more\ than|fewer\ than|less\ than|further\ (?:ado
    |questions?))\b | (?<!\?\ )\bno,
    | \bwithout\ (?:a\ |any\ )?(?:doubt|question|further|difficulty|exception|treatment
        |the\ history|history|stains?|knowing|looking)\b
    | {NOT}\ (?:only|just|merely|simply|solely|necessarily|exclusively|confined|limited|restricted|all|every|always
        |often|entirely|completely|un\w+|infrequent\w*|rare\w*|surprising\w*|sure|certain|clear\ (?:if|whether
        |that)|specific|to\ mention
        |until|without|very|much|many|a\ lot|so|too|quite|particularly|especially
        |the\ only|excluded|ruled\ out|known)\b
    | {NOT}\ (?:be\ |been\ |yet\ |entirely\ |completely\ |really\ |fully\ |totally\ |definitely\ )*
        (?:rule[ds]?\ (?:\w+\ )?out|exclude[ds]?|dismiss|miss|forget|overlook|ignore|confuse|mistake|worry
        |be\ fooled|let|need|needed|have\ to|require[ds]?|matter|mean|be\ more|be\ \w+er|stress|emphasi[sz]e
        |know|tell|deny|doubt|hesitate|help|distinguish(?:ed)?|differentiated?|separated?|told
        |surprised?)\b
    | {NOT}\ \w+\ (?:this|that|so|as|too)\ (?:much|many)\b
    | \bmay\ or\ may\ not\b | \bsurpris\w*\ if\ [^,.;]*?(?:\bnot|n't)\b | \bno\ other\ \w+\ (?:than|but)\b
    | {NOT}\ [^,.;?!]*?\ (?:without|unless)\b
    | (?:^|[.?!,;]\ ?|\band\ )\w+n't\ (?:it|this|that|these|those|you|we|they|there)\b
    | \b(?:whether\ or|or|why|if)\ not\b(?=\ (?:\w+ing|the|this|it|you)\b|[,.?!]|$)
    | \bnothing\ (?:but|other\ than|more\ than)\b | \black\ of\ \w+\ (?:for|in)\b | \bnone\ other\b
    | \bno(?:body|\ one)\ (?:\w+\ )?(?:miss|doubt|den(?:y|ies)|overlook|ignore)\w*\b
    | \bto\ (?:rule\ out|exclude)\b | \b(?:must|should|need\ to|have\ to|always)\ (?:rule\ out|exclude)\b
    """,
    re.VERBOSE,
)
BEFORE = re.compile(
    rf"""
      \bno\b | {NOT}\b | \b(?:without|lack(?:s|ed|ing)?(?:\ of)?|absence\ of|negative\ for|devoid\ of
        |(?:free|clear|empty)\ (?:of|from)|rather\ than|instead\ of|far\ from|anything\ but|as\ opposed\ to
        |ruled\ out|rul(?:es|ing)\ out|(?:they|we|i|that|which|stains)\ (?:rule\ out|exclude)
        |(?:can|could|to\ safely|able\ to)\ (?:\w+\ )?(?:rule\ out|exclude)|exclud(?:es|ed|ing)
        |argu(?:es|ed|ing)\ against|evidence\ against|speaks\ against|(?:uninvolved|spared|untouched)\ by|neither
        |nor|none|nothing|nobody|few,?\ if\ any,?
        |negative\ (?:\w+\ )?(?:\w*stains?|markers?|studies)\ (?:include[ds]?|were|are)
        |(?:hardly|scarcely|barely)\ (?:any|an?)|(?:little|scant|scanty)\ evidence
        |zero|fail(?:s|ed)?\ to\ (?:show|reveal|demonstrate|find|identify|grow|yield|stain|label|express
        |highlight)|den(?:y|ies|ied)|unlikely)\b
    | (?<!is\ )(?<!are\ )(?<!was\ )(?<!were\ )\babsent\b
    """,
    re.VERBOSE,
)
BE = r"(?:is|are|was|were|has\ been|have\ been|be)"
SEEN = (
    r"(?:seen|present|identified|found|there|noted|observed|detected|visible|demonstrated|apparent|evident|appreciated)"
)
AFTER = re.compile(
    rf"""
      \b{BE}\ (?:\w+ly\ |all\ |very\ |quite\ )?(?:absent|missing|lacking|ruled\ out|excluded|unlikely|nowhere
        |not\ (?:\w+ly\ )?{SEEN}
        |not\ (?:the|a)\ feature|none)\b
    | (?:\b(?:has|have|had|could|can|should)\ ?)?(?:\bnot|\b\w+n't)\ (?:been\ |be\ |yet\ )*{SEEN}\b
    | \bcannot\ be\ {SEEN}\b | \b(?:{BE}\ not|(?:is|are|was|were)n't)\s*(?=[.,;]|$)
    | \b(?:absent|nil)\b(?=[\ .,;]|$)
    | (?:\bnot|n't)\ (?:find|see|have|identify|show)\ (?:any|one|them|it|that)\s*(?=[.,;]|$)
    | \b(?:found|find|saw|see|had|have)\ none\b | ^\s*[:-]?\s*(?:none|absent|nil|not\ {SEEN})\b | \?\ *(?:no|nope|none
    |not\ really|(?:we|i)\ (?:do\ not|don't|did\ not|didn't|cannot|can't)\ (?:see|find|have)|i\ don't\ think\ so)\b
    """,
    re.VERBOSE,
)
NEGATIVE_AFTER = re.compile(
    rf"^(?:(?!\b(?:is|are|was|were|positive|shows?)\b)[^.;:!?,])*(?:{BE} (?:(?:\w+ly|both|all|also) )*)?\bnegative\b"
)
VERBS = r"(?:fill|infiltrat|invad|involv|surround|extend|replac|destroy|expand|efface|line|cover|compress)\w*"
# Ends the scope of a negation.
TURN = re.compile(
    rf"""
      [.;:!?] | ^\ (?:been\ |be\ |yet\ )*{SEEN}\b[^,]*,
    | \b(?:but|however|although|though|except|yet|because|since|so|therefore|thus|while|whereas|unless
        |until|then|which|who|instead|apart\ from|aside\ from|other\ than
        |just|only|after|before|following|despite|due\ to|when|where|if
        |there\ (?:is|are|was|were)|there's|think\ of|consider
        |(?:we|you|i|one|they|it)\ (?:see|have|find|can|may|might|could|would|will))\b
    | \bpositive\ for\b
    | \b(?:recurrence|removal|excision|resection|involvement|history)\ of\ (?:the|this|these|her|his)\b
    | ,\ (?:suggest|indicat|leav|mak|mean|favou?r|consistent\ with|in\ keeping)\w*
    | (?:,|\band|\bor)\ (?:the|this|these|that|those|we|it|it's|there|they|you|i|its|here|then|also|rather|with|a|an
        |is|are|was|were|lots|many|numerous|abundant|some|plenty|several|scattered|marked|prominent|increased|frequent
        |shows?|has|have)\b
    | ,\ (?:and\ )?(?:\w+\ ){{1,3}}(?:is|are|was|were|shows?|has|have)\b
    | \band\ (?:\w+ly\ )?{VERBS}\ (?!by\b)
    | \band\ (?:\w+\ ){{1,2}}(?:is|are|was|were|shows?|has|have)\ (?!(?:absent|not|missing)\b)
    """,
    re.VERBOSE,
)
VERB = re.compile(
    r"[.;:!]|\b(?:is|are|was|were|has|have|shows?|but|however|whereas|while|though|with|there)\b"
    r"|\band (?:the|this|these)\b"
)
# "The absence of a capsule argues against adenoma": what is lacking ends at the verb.
LACK = re.compile(r"(?:absence|lack) of|lacking|without|absent")
PREDICATE = re.compile(
    rf"\b(?:is|are|was|were|does|do|did|may|can|(?:argu|suggest|help|mean|tell|point|make|support|favou?r)\w*|{VERBS})\b"
)
SUBJECT = re.compile(r"\w(?<!\b(?:of|or|in|to))(?<!\b(?:for|and)) (?:the|this|these|we|you|it|they)\b")
# Tells where: "no mitoses in the dermis" does not deny the dermis.
PLACE = re.compile(
    r"\b(?:in|within|into|at|on|around|between|beneath|below|above|near|from|throughout|along|beyond|through|inside"
    r"|inv(?:olv|ad)(?:e[sd]?|ing)|infiltrate[sd]?|reach(?:es|ed)?|cross(?:es|ed)?|penetrate[sd]?|(?:stain|highlight|label)s?"
    r"|extend(?:s|ed)? (?:to|into))"
    r" (?:the|this|these|that|those|our|his|her|its|most|all)(?! (?:absence|lack)\b)(?: [\w-]+){0,2} ?$"
)

EXCEPT = re.compile(r",? (?:except|apart from|other than) (?:in|at|on|near|around|along|where|when|for the)\b")


def negated(text: str, entity: EntityMention) -> bool:
    """Whether `text` says that `entity`, found in it, is absent."""
    lower = PSEUDO.sub(lambda match: "~" * len(match.group()), text.lower().replace("’", "'"))
    before, after = lower[: entity.start], lower[entity.end :]
    if PLACE.search(before) or EXCEPT.match(after):
        return False
    if any(_reaches(trigger.group(), before[trigger.end() :]) for trigger in BEFORE.finditer(before)):
        return True
    if (found := AFTER.search(after)) and _few(after[: found.start()]) and not VERB.search(after[: found.start()]):
        return True
    return entity.semantic_type in NEGATIVE and NEGATIVE_AFTER.search(after) is not None


def _reaches(trigger: str, between: str) -> bool:
    """Whether the scope of a negation goes over the words `between` it and an entity."""
    if LACK.fullmatch(trigger) and (PREDICATE.search(between) or SUBJECT.search(between)):
        return False
    return _few(between) and not TURN.search(between)


def _few(between: str) -> bool:
    return len(between.split()) <= REACH
