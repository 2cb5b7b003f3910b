"""Questions to a language model: each asked once, and read with patience."""

import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field, ValidationError

from stages.captions.endpoint import Answer, Endpoint, Messages, TooMuch
from stages.captions.params import LanguageModel
from stages.captions.replies import read
from stages.common.errors import Failed

T = TypeVar("T")
ATTEMPTS = 2
RECALLED = 2000  # characters of a wrong reply that the model is shown again


@dataclass(frozen=True)
class Question(Generic[T]):
    """A task, the data that it is done on, which the model is told never to follow as an instruction, the JSON schema
    of the reply, and what reads it: `parse` raises ValueError for a JSON value of another shape."""

    task: str
    data: dict[str, Any]
    schema: dict[str, Any]
    parse: Callable[[Any], T]


class Chat:
    """Asks questions about one video.

    Every reply of the right shape is a line in the file `replies`, under the hash of all that was sent: what was asked
    before is not asked again, on any machine that has the file. `budget` is what the video may cost, in the currency of
    `params.price`.
    """

    def __init__(self, params: LanguageModel, replies: Path, budget: float) -> None:
        self.params = params
        self.budget = budget
        self.endpoint = Endpoint(params)
        self._path = replies
        self._known: dict[str, Any] = {}
        self._spent = 0.0
        self._read()

    def ask(self, question: Question[T], *, last: bool = False) -> T:
        """Return the reply to `question`; after a reply of another shape it is asked again, with what was wrong.

        Raises TooMuch where the model cannot answer all of it, which is remembered. With `last` the question has no
        parts that could be asked for: a reply that was cut off is used as far as it goes, and instead of TooMuch come
        Failed("llm_context") where the question is too long and Failed("llm_reply") where no reply is of the shape.
        Raises Failed("llm_budget") when the budget is spent, and as Endpoint does.
        """
        sent = {"model": self.params.name, "task": question.task, "data": question.data, "temperature": 0}
        key = hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()
        reply = self._known.get(key)
        if reply is None and key in self._known and not last:
            raise TooMuch
        return question.parse(self._answered(key, question, last) if reply is None else reply)

    def _answered(self, key: str, question: Question[T], last: bool) -> Any:
        """A reply that can be parsed, noted under `key`."""
        data = {"role": "user", "content": json.dumps(question.data)}
        messages: Messages = [{"role": "system", "content": question.task}, data]
        wrong = ""
        for _ in range(ATTEMPTS):
            answer = self._asked(key, messages, question.schema, last)
            if answer.cut_off and not last:
                self._note(key, None, answer.cost)
                raise TooMuch
            try:
                value = read(answer.text, question.parse)
            except ValueError as error:
                self._note("", None, answer.cost)
                wrong = str(error) if answer.text.strip() else answer.missing
                messages = [*messages[:2], *_corrected(answer.text, wrong)]
            else:
                self._note(key, value, answer.cost)
                return value
            if answer.cut_off:
                limit = f"cut off at captions.llm.max_tokens = {self.params.max_tokens}"
                raise Failed("llm_reply", f"the reply of {self.params.name} was {limit}: raise it")
        if not last:
            self._note(key, None, 0.0)
            raise TooMuch
        raise Failed("llm_reply", f"{self.params.name} gave no usable reply, asked {ATTEMPTS} times: {wrong}")

    def _asked(self, key: str, messages: Messages, schema: dict[str, Any], last: bool) -> Answer:
        if self._spent >= self.budget:
            message = f"{self._spent:.4f} of {self.budget:.4f} are spent: raise captions.llm.max_cost"
            raise Failed("llm_budget", message)
        try:
            return self.endpoint.ask(messages, schema)
        except TooMuch as error:
            if last:
                raise Failed("llm_context", f"{self.params.name} cannot read one sentence: {error}") from None
            self._note(key, None, 0.0)
            raise

    def _note(self, key: str, reply: Any, cost: float) -> None:
        """Add a line: a reply that can be used, or null; the cost, also of a reply that cannot, under the key ""."""
        line = _Line(key=key, reply=reply, cost=cost)
        self._know(line)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        whole = text[: text.rfind("\n") + 1]  # without a line that a killed run left incomplete
        self._path.write_text(whole + json.dumps(line.model_dump(), sort_keys=True) + "\n", encoding="utf-8")

    def _know(self, line: "_Line") -> None:
        self._spent += line.cost
        if line.key:
            self._known[line.key] = line.reply

    def _read(self) -> None:
        for text in self._path.read_bytes().splitlines() if self._path.exists() else ():
            with contextlib.suppress(ValidationError):  # being written when the process was killed
                self._know(_Line.model_validate_json(text))


class _Line(BaseModel):
    """A line of the file of replies."""

    key: str
    reply: Any
    cost: float = Field(ge=0, allow_inf_nan=False)


def _corrected(reply: str, wrong: str) -> Messages:
    """The reply, and what was wrong with it, as the next messages."""
    return [
        {"role": "assistant", "content": reply.strip()[:RECALLED] or "(nothing)"},
        {"role": "user", "content": f"That reply cannot be used: {wrong}. Answer again, with the JSON object only."},
    ]
