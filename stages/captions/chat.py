"""Questions to a language model behind any OpenAI-compatible endpoint: asked once, answered in a fixed shape."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from stages.captions.params import LanguageModel
from stages.common.errors import Failed, StageError

Reply = TypeVar("Reply", bound=BaseModel)
MILLION = 1_000_000


class Chat:
    """Asks questions about one video.

    Every reply of the right shape is a line in the file `replies`, under the hash of all that was sent: what was asked
    before is not asked again, on any machine that has the file. `budget` is what the video may cost, in the currency of
    `params.price`.
    """

    def __init__(self, params: LanguageModel, replies: Path, budget: float) -> None:
        self.params = params
        self.budget = budget
        self._path = replies
        self._known = dict(self._read())
        self._client: Any = None

    def ask(self, task: str, data: dict[str, Any], shape: type[Reply]) -> Reply:
        """Return the reply to `task` on `data`, which the model is told never to follow as an instruction.

        Raises Failed("llm_unavailable") when the endpoint does not answer after `params.retries`, Failed("llm_reply")
        when the replies are not of the shape, Failed("llm_budget") when the budget is spent, StageError without a key.
        """
        sent = {"model": self.params.name, "task": task, "data": data, "temperature": 0}
        key = hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()
        if key not in self._known:
            self._note(key, *self._valid(task, data, shape))
        return shape.model_validate(self._known[key]["reply"])

    def _valid(self, task: str, data: dict[str, Any], shape: type[Reply]) -> tuple[Reply, float]:
        """A reply of the right shape and its cost; after any other reply the question is asked once more."""
        cost, wrong = 0.0, ""
        for _ in range(2):
            text, price = self._send(task, data, cost)
            cost += price
            try:
                return shape.model_validate_json(_inside(text)), cost
            except ValidationError as error:
                wrong = " ".join(str(error).split())[:120]
        self._note("", None, cost)
        raise Failed("llm_reply", f"{self.params.name} gave no {shape.__name__}: {wrong}")

    def _send(self, task: str, data: dict[str, Any], cost: float) -> tuple[str, float]:
        import openai

        spent = cost + sum(line["cost"] for line in self._known.values())
        if spent >= self.budget:
            message = f"{spent:.4f} of {self.budget:.4f} are spent: raise captions.llm.max_cost"
            raise Failed("llm_budget", message)
        self._client = self._client or self._connect()
        messages = [{"role": "system", "content": task}, {"role": "user", "content": json.dumps(data)}]
        try:
            answer = self._client.chat.completions.create(
                model=self.params.name, messages=messages, temperature=0, max_tokens=self.params.max_tokens
            )
        except openai.OpenAIError as error:
            message = " ".join(str(error).split())[:160]
            raise Failed("llm_unavailable", f"{self.params.url}: {type(error).__name__}: {message}") from None
        used = answer.usage
        tokens = (used.prompt_tokens, used.completion_tokens) if used else (0, 0)
        price = sum(count * each / MILLION for count, each in zip(tokens, self.params.price, strict=True))
        return (answer.choices[0].message.content or "") if answer.choices else "", price

    def _connect(self) -> Any:
        import openai

        key = os.environ.get(self.params.key)
        if not key:
            raise StageError(f"captions.llm: the environment has no {self.params.key}: set it to the endpoint's key")
        return openai.OpenAI(
            base_url=self.params.url, api_key=key, timeout=self.params.timeout_s, max_retries=self.params.retries
        )

    def _note(self, key: str, reply: Reply | None, cost: float) -> None:
        line = {"key": key, "reply": reply.model_dump() if reply is not None else None, "cost": cost}
        self._known[key or str(len(self._known))] = line
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        whole = text[: text.rfind("\n") + 1]  # without a line that a killed run left incomplete
        self._path.write_text(whole + json.dumps(line, sort_keys=True) + "\n", encoding="utf-8")

    def _read(self) -> list[tuple[str, dict[str, Any]]]:
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        found = []
        for number, text in enumerate(lines):
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                continue  # being written when the process was killed
            found.append((line["key"] or str(number), line))
        return found


def _inside(text: str) -> str:
    """The outermost JSON object of a reply; models often put words or a code fence around it."""
    return text[text.find("{") : text.rfind("}") + 1]
