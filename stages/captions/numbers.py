"""Numbers in what is said: as words, and the digits of words."""

import re

# fmt: off
UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
         "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
# fmt: on
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def spoken(text: str) -> str:
    """`text` with its numbers in words, as markers are read aloud: CD138 is CD one thirty eight."""
    return re.sub(r"\d+", lambda match: f" {_said(match.group())} ", text)


def digits(text: str) -> str:
    """The digits of all numbers in `text`, also of those in words."""
    found, tens = "", False
    for part in re.findall(r"\d+|[a-z]+", text.lower()):
        unit = UNITS.index(part) if part in UNITS else None
        if tens and unit is not None and 0 < unit < 10:
            found = found[:-1] + str(unit)
        elif part.isdigit() or unit is not None:
            found += part if unit is None else str(unit)
        elif part in TENS:
            found += f"{TENS.index(part) + 2}0"
        tens = part in TENS
    return found


def _said(number: str) -> str:
    if len(number) > 2:
        return f"{UNITS[int(number[0])]} {_said(number[1:])}"
    value = int(number)
    if number[0] == "0" or value < len(UNITS):
        return " ".join(UNITS[int(digit)] for digit in number) if number[0] == "0" else UNITS[value]
    return f"{TENS[value // 10 - 2]} {UNITS[value % 10] if value % 10 else ''}".strip()
