"""Errors that end a stage with one clear line."""

LONGEST = 4000  # letters of a message


class StageError(Exception):
    """The stage cannot go on; the message says what, where and what to do, on one line of bounded length whatever it
    quotes."""

    def __str__(self) -> str:
        line = " ".join(super().__str__().splitlines())
        half = LONGEST // 2
        return line if len(line) <= LONGEST else f"{line[:half]} [...] {line[-half:]}"


class Failed(Exception):
    """An item could not be made; others may. Recorded with a short reason and a message, and tried again next run."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return self.message


class Rejected(Exception):
    """An item was examined and is not wanted; `reason` is a short snake_case word, `message` further detail.

    Rejected items are not tried again until their input, the parameters or the code change.
    """

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return self.reason
