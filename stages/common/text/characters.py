"""Characters of texts from outside: one form for each, and none that is not text."""

import html
import re
import unicodedata

import regex

UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"  # scripts without spaces in sentences
UNSPACED_LETTER = regex.compile(rf"[{UNSPACED}]")
JOINERS = "\u200c\u200d"  # between letters they are part of words, of Persian or Hindi; between pictures of one picture
NO_TEXT = ("Cc", "Cf", "Co", "Cn", "Cs")  # categories: control, format, private, unassigned, half a character
SELECTORS = re.compile("[\ufe00-\ufe0f\u20e3\U000e0100-\U000e01ef]")  # how a character before is to be drawn
PICTURE = "[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
PICTURES = re.compile(rf"{PICTURE}[\U0001f3fb-\U0001f3ff]?(?:\u200d[^\s\w]{{1,2}})+|[\U0001f3fb-\U0001f3ff]")
ARROWS = "".join(map(chr, range(0x2190, 0x2200)))
MEANT = f"°¦♀♂⚥№✓✗★☆△▽\ufffd{ARROWS}"  # symbols that are text; U+FFFD shows that a letter is lost
DECORATION = "™℠"  # of names
CHARGE = re.compile("[\u207a\u207b](?![\u2070\u00b9\u00b2\u00b3\u2074-\u2079])")  # raised, but not of "10⁻³"
ESCAPED = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.I)
MOST_ESCAPED = 4  # times that a text has been written as HTML, one over the other
SIGNS = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u208b\ufe63\uff0d\u2796", "-"),
        **dict.fromkeys("\u208a\uff0b\u2795", "+"),
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc\u00b4\uff07", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02", '"'),
        **dict.fromkeys("\u2192\u27a1\u27f6\u2794\u279c\u279e", "->"),
        **dict.fromkeys("\u2190\u2b05\u27f5", "<-"),
        **dict.fromkeys("\u2194\u27f7", "<->"),
        **dict.fromkeys("\u21d2\u27f9", "=>"),
        **dict.fromkeys("\u2265\u2a7e\u2267", ">="),
        **dict.fromkeys("\u2264\u2a7d\u2266", "<="),
        **dict.fromkeys("\u00d7\u2a2f\u2715\u2716", "x"),
        **dict.fromkeys("\u2714\u2705\u2611", "✓"),
        **dict.fromkeys("\u2718\u274c\u274e\u2612", "✗"),
        **dict.fromkeys("\u2b50\U0001f31f", "★"),
        **dict.fromkeys("\u25b2\u21e7\u2b06\U0001f53c", "↑"),
        **dict.fromkeys("\u25bc\u21e9\u2b07\U0001f53d", "↓"),
        **{chr(0x1F170 + n): chr(ord("A") + n) for n in range(26)},  # white letters in squares: blood groups, panels
        **{"\U0001f18e": "AB", "\U0001f51f": "10", "\u2236": ":"},
        **dict.fromkeys("\u223c\u02dc", "~"),
        **{"\u2044": "/", "\u2215": "/", "\u2026": "...", "\u2103": "°C", "\u2109": "°F"},
        **{chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)},  # ligatures: ﬁ, ﬂ
        **{  # wide letters, digits and signs of formulas; other wide punctuation belongs to its script
            chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F) if chr(code).isalnum() or chr(code) in "%&/<=>"
        },
    }
)


def one_line(text: str) -> str:
    """`text` in composed form (NFC) on one line, without characters that are no text."""
    composed = unicodedata.normalize("NFC", text)
    if composed.isprintable():
        return " ".join(composed.split())
    kept = [
        letter if unicodedata.category(letter) not in NO_TEXT or _joins(composed, n) else _blank(letter)
        for n, letter in enumerate(composed)
    ]
    return " ".join("".join(kept).split())


def plain_signs(text: str) -> str:
    """`text` with typographic signs as keyboards have them, where both mean the same: "≥10 –" as ">=10 -"."""
    charged = CHARGE.sub(lambda sign: unicodedata.normalize("NFKC", sign[0]), SELECTORS.sub("", text))
    return charged.translate(SIGNS)


def unescaped(text: str) -> str:
    """`text` with the characters that names of HTML stand for, however often it was escaped: "H&amp;amp;E"."""
    for _ in range(MOST_ESCAPED):
        plain = ESCAPED.sub(lambda name: html.unescape(name[0]), text)
        if plain == text:
            break
        text = plain
    return text


def without_pictures(text: str) -> str:
    """`text` without emoji and other pictures; symbols that are text stay: "37 °C", "45 ♀", and "㎛" as letters."""
    return "".join(map(_in_letters, PICTURES.sub(" ", SELECTORS.sub("", text))))


def count_words(text: str) -> int:
    """Number of words: what spaces part, and two letters each of scripts without spaces."""
    letters = len(UNSPACED_LETTER.findall(text))
    if not letters:
        return len(text.split())
    others = UNSPACED_LETTER.sub(" ", text).split()
    return (letters + 1) // 2 + sum(any(map(str.isalnum, other)) for other in others)


def _in_letters(letter: str) -> str:
    """A character; of a symbol that is no text what letters it is made of, if any."""
    if unicodedata.category(letter) != "So" or letter in MEANT:
        return letter
    letters = unicodedata.normalize("NFKC", letter)
    return letters if letters != letter and letter not in DECORATION else " "


def _blank(letter: str) -> str:
    """What is left of a character that is no text: invisible ones stand inside words, others between them."""
    return "" if unicodedata.category(letter) == "Cf" else " "


def _joins(text: str, place: int) -> bool:
    """Whether a joiner stands there between letters."""
    around = text[place - 1 : place] + text[place + 1 : place + 2]
    return text[place] in JOINERS and len(around) == 2 and all(unicodedata.category(one)[0] in "LM" for one in around)
