"""Deixis: words by which a narrator says that a sentence is about another picture than the one on screen."""

import re
from typing import Literal

# here: the picture on screen; compared: the same, with words about another; previous, next: the one before, the one
# after; changing: the one that begins or has begun, whichever is nearer; ahead: where the camera is about to go;
# elsewhere: one that nobody shows now.
Place = Literal["here", "compared", "previous", "next", "changing", "ahead", "elsewhere"]

PICTURE = (
    r"(?:slides?|images?|pictures?|photos?|photographs?|(?:photo)?micrographs?|fields?|views?|sections?|cases?"
    r"|figures?|panels?|levels?|examples?|patients?)"
)
TALK = r"(?:videos?|lectures?|sessions?|talks?|series|classes|class|time|week|month)"
WE = r"(?:we|you|i)(?:'ve|'d| have| had)?(?: just| already| also| all)*"
WILL = (
    r"(?:(?:we|you|i)(?:'ll| will| shall)|(?:we'?re|we are|i'?m|i am|you'?re|you are) (?:now )?(?:going to|gonna)"
    r"|let's|let us|let me)"
)
SHOWN = (
    r"(?:saw|seen|showed|shown|looked at|looking at|discussed|talked about|covered|met|encountered|had|reviewed"
    r"|presented)"
)
BEFORE = (
    r"(?:before|earlier|previously|already|(?:at|in) the (?:very )?(?:beginning|start)|ago"
    rf"|(?:on|in|from|with) the (?:other|first|second|last|previous|preceding|earlier|prior)|last {TALK})"
)
SOON = r"(?:later(?: on)?|in (?:a|an|one|a few) (?:moment|minute|second|bit|while)s?|shortly|soon|at the end)"
GO = (
    r"(?:go|zoom|move|jump|switch|turn|head|proceed|come|step|scroll|pan|increase|get closer|(?:take|have) a closer"
    r"|look (?:closer|more closely))"
)


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in patterns))


POINTING = _any(
    rf"here|(?:this|these)(?! {TALK}| one\b)|right now|you can see|look at|notice|on the (?:left|right)|at the cursor"
)
NEXT = _any(
    rf"(?:next|following|coming|upcoming) (?:\w+ )?(?:{PICTURE}|specimen)",
    rf"{PICTURE} that follows?|up next|{WILL} (?:\w+ )?see next",
)

FUTURE = _any(WILL)
PREVIOUS = _any(
    rf"(?:previous|preceding|prior|earlier) (?:\w+ )?{PICTURE}",
    rf"(?:on|in|from) (?:the|our|that) last {PICTURE}(?=.*\b(?:saw|showed|had|looked|was|were|did)\b)",
    rf"(?:saw|showed|had|looked|was|were|seen|shown)\b.*\b(?:on|in|from) (?:the|our|that) last {PICTURE}",
    rf"{PICTURE} before (?:this|that)|(?:the|our|that) last {PICTURE} (?:showed|had|was|were)",
)
ABSENT = _any(
    rf"(?:next|last|other|previous|earlier|another|separate|future) {TALK}",
    r"not (?:shown|pictured|illustrated|included)|(?:n't|not) have (?:it |them |that )?here",
    rf"(?:n't|not) (?:have|bring|include|get|find|show) (?:you )?(?:an?|any|the|that) (?:\w+ )?{PICTURE}",
    r"if (?:this|it|these|they) (?:were|was|had been)|had (?:this|it|these|they) been",
)
ELSEWHERE = _any(
    rf"{WE} {SHOWN}\b.*\b{BEFORE}",
    rf"{BEFORE}(?: {PICTURE})?,? {WE} {SHOWN}",
    rf"{PICTURE} ago|mentioned\b.*\b(?:at|in) the (?:very )?(?:beginning|start)",
    r"i(?:'ve| have)? (?:showed|shown) you",
    rf"(?:we|you|i)(?:'ve| have)? already {SHOWN}|the first {PICTURE} (?:showed|had|was|were)",
    r"(?:^(?:(?:so|now|and|but|just|please) )*|(?:you|we|i)(?: \w+)? )(?:remember|recall)",
    r"remind (?:you|us)|imagine|think(?:ing)? back|think (?:of|about) (?:an?|the|what|how)",
    r"(?:go|going|went|come|coming|turn|turning|jump|jumping|flip|get|head) back(?: \w+){0,4} to|return(?:ing)? to",
    rf"{WILL}\b.*\b{SOON}",
    rf"{SOON},? {WILL}",
    r"i(?:'ll| will|'m going to| am going to) (?:also )?show you(?! (?:that|how|why|\w+ reasons?)\b)",
)
IMAGINED = _any(
    r"would(?:n't| not)?"
    r"(?: also| normally| usually| typically| never| all| only| then| instead)*"
    r" (?:be|show|see|look|have|expect|find|lack|contain|stain|appear|reveal|demonstrate)",
)
# A careful statement about what is shown.
HEDGED = _any(r"(?:this|these|those|that|which|i|here|diagnosis)(?: \w+)? would|it would be")
ANOTHER = _any(rf"(?:another|(?:a )?different|(?:in|on|from|of) (?:the |some |many |most )?other) {PICTURE}")
AHEAD = _any(
    rf"{WILL}(?: now| just| also| then| next| first)* {GO}(?! (?:the |my |this )?(?:cursor|arrow|pointer|mouse))",
    r"(?:moving|going|switching|turning) (?:on|over|up|now) to|zooming (?:in|out)",
    r"(?:now|and|so) (?:we|i) (?:go|move|turn|switch|zoom)",
)
AGENDA = _any(r"through|criteria|list")  # where a narrator goes without the camera
UNLIKE = _any(r"unlike|(?:in|by) contrast|as opposed to|contrary to")
NORMAL = _any(
    r"(?:in|of) (?:an? )?(?:normal|healthy|unaffected) \w+|normally",
    r"an? (?:normal|healthy) (?:\w+ ){1,2}(?:has|have|is|are|shows?|looks?)",
)
BESIDE = _any(
    r"compared (?:to|with)|in comparison|similar to (?:the|what)|just like|versus",
    r"differential|mimic(?:s|ked)?|mistaken for|confused with|distinguish\w* (?:\w+ )?from",
)


def place_of(text: str) -> Place:
    """What `text` says it is about. A sentence that also points at the picture on screen is about that one, too."""
    said = " ".join(text.lower().replace("’", "'").split())
    points = bool(POINTING.search(said))
    if ABSENT.search(said):
        return "elsewhere"
    if NEXT.search(said):
        return "next" if FUTURE.search(said) else "changing"
    if PREVIOUS.search(said):
        return "compared" if points else "previous"
    if ELSEWHERE.search(said) or (IMAGINED.search(said) and not HEDGED.search(said)):
        return "compared" if points else "elsewhere"
    if AHEAD.search(said) and not AGENDA.search(said):
        return "ahead"
    if UNLIKE.search(said):
        return "compared"
    if points:
        return "here"
    if NORMAL.search(said) or ANOTHER.search(said):
        return "elsewhere"
    return "compared" if BESIDE.search(said) else "here"
