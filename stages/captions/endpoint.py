"""An OpenAI-compatible endpoint: one request at a time, in the form that the server and the model understand."""

import ipaddress
import json
import os
import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, FiniteFloat, ValidationError

from stages.captions.params import LanguageModel
from stages.common.errors import Failed, StageError

MILLION = 1_000_000
SHOWN = 160  # characters of a server's message
SHORTEST_KEY = 8  # characters: shorter ones are no secret ("none", "x") and part of other words
SIMPLER = {"json_schema": "json_object", "json_object": ""}  # forms of reply to ask for, until one is understood
TOO_LONG = re.compile(
    r"context.{0,20}(?:length|window|size)|(?:prompt|input|request|message)s? (?:is|are|was)? ?too (?:long|large)"
    r"|too many (?:input )?tokens|too large for model|reduce (?:the|your) (?:length|prompt|input|message)"
    r"|exceeds? .{0,40}(?:context|tokens?)|string_above_max_length|must be <= \d+|max_model_len",
    re.IGNORECASE,
)
FILTERED = re.compile(r"content.?filter|content management|moderation|flagged|safety", re.IGNORECASE)
FORMAT = re.compile(
    r"response_format|json_schema|json_object|schema|grammar|guided|structured|parameters", re.IGNORECASE
)
Messages = list[dict[str, str]]


class TooMuch(Exception):
    """The question is more than the model can answer at once: it may be asked in parts."""


@dataclass(frozen=True)
class Answer:
    """What the model wrote, what it cost, whether it was cut off, and why there is none where `text` is empty."""

    text: str
    cost: float
    cut_off: bool
    missing: str


@dataclass(frozen=True)
class Form:
    """How a request is written."""

    system: bool = True
    limit: str = "max_tokens"
    temperature: bool = True
    reply: str = "json_schema"

    def request(self, messages: Messages, max_tokens: int, schema: dict[str, Any]) -> dict[str, Any]:
        """The arguments that depend on the form."""
        if not self.system:  # task and data in one message
            first, second, *more = messages
            messages = [{"role": "user", "content": f"{first['content']}\n\n{second['content']}"}, *more]
        found: dict[str, Any] = {"messages": messages, self.limit: max_tokens}
        if self.temperature:
            found["temperature"] = 0
        if self.reply:
            found["response_format"] = {"type": self.reply}
        if self.reply == "json_schema":
            found["response_format"]["json_schema"] = {"name": "reply", "strict": True, "schema": schema}
        return found

    def without(self, message: str) -> "Form | None":
        """The form to try after a server refused this one with `message`; None where there is no other."""
        if self.system and re.search(r"system", message, re.IGNORECASE) and "role" in message:
            return replace(self, system=False)
        if self.limit == "max_tokens" and re.search(r"max_(completion_)?tokens", message):
            return replace(self, limit="max_completion_tokens")
        if self.temperature and "temperature" in message:
            return replace(self, temperature=False)
        return replace(self, reply=SIMPLER[self.reply]) if self.reply else None


FORMS: dict[tuple[str, str], Form] = {}  # that worked, by address and model: learnt once per process


class _Lenient(BaseModel):
    """A part of a server's answer, of which only what is used has to be there."""


class _Usage(_Lenient):
    prompt_tokens: FiniteFloat | None = None
    completion_tokens: FiniteFloat | None = None


class _Part(_Lenient):
    text: str | None = None


class _Function(_Lenient):
    arguments: Any = None


class _Tool(_Lenient):
    function: _Function | None = None


class _Message(_Lenient):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[_Tool] | None = None
    function_call: _Function | None = None

    def text(self) -> str:
        """The words; those of a tool's call where there are no others, which models make unasked."""
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content)
        called = [tool.function for tool in self.tool_calls or []] + [self.function_call]
        arguments = next((one.arguments for one in called if one is not None and one.arguments), "")
        return self.content or (arguments if isinstance(arguments, str) else json.dumps(arguments))


class _Choice(_Lenient):
    message: _Message
    finish_reason: str | None = None


class _Completion(_Lenient):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


class Endpoint:
    """The endpoint that `params` names."""

    def __init__(self, params: LanguageModel) -> None:
        self.params = params
        self.price = [0.0, 0.0] if is_local(params.url) else params.price
        self._key = ""
        self._client: Any = None

    def ask(self, messages: Messages, schema: dict[str, Any]) -> Answer:
        """The answer to `messages`, which is asked for in the form of `schema` where the server knows schemas.

        Raises TooMuch where the model says that the question is too long, StageError where no question would be
        answered (no key, a wrong one, no such model), Failed("llm_unavailable") for any other trouble.
        """
        where = (self.params.url, self.params.name)
        form: Form | None = FORMS.get(where, Form())
        message = ""
        while form is not None:
            try:
                answer = self._send(form.request(messages, self.params.max_tokens, schema))
            except _FormRefused as refused:
                message = refused.line
                form = form.without(refused.said)
            else:
                FORMS[where] = form
                return answer
        raise Failed("llm_unavailable", f"{self.params.url}: {message}")

    def _send(self, request: dict[str, Any]) -> Answer:
        import openai

        self._client = self._client or self._connect()
        try:
            response = self._client.chat.completions.with_raw_response.create(model=self.params.name, **request)
        except openai.APIStatusError as error:
            if error.status_code in (400, 403, 451) and FILTERED.search(str(error)):
                return Answer("", 0.0, False, self._line(error))
            raise self._trouble(error) from None
        except (openai.OpenAIError, UnicodeError) as error:
            raise Failed("llm_unavailable", f"{self.params.url}: {self._line(error)}") from None
        return self._answer(response.http_response.text)

    def _trouble(self, error: Any) -> Exception:
        """What a status that is no success means."""
        line, status, said = self._line(error), error.status_code, str(error)
        if status == 401:
            return StageError(f"captions.llm: {self.params.url} refuses the key in {self.params.key}")
        if status == 413 or (status in (400, 422, 500) and TOO_LONG.search(said)):
            return TooMuch(line)
        if status in (400, 422) or (FORMAT.search(said) and "response_format" in str(error.request.content)):
            return _FormRefused(line, said)
        if status in (404, 405):
            return StageError(
                f"captions.llm: {line}: check captions.llm.url ({self.params.url}) and name ({self.params.name})"
            )
        return Failed("llm_unavailable", f"{self.params.url}: {line}")

    def _answer(self, body: str) -> Answer:
        try:
            found = _Completion.model_validate_json(body)
        except ValidationError:
            message = f"{self.params.url}: answers with no chat completion: {self._line(body)}"
            raise Failed("llm_unavailable", message) from None
        used, choice = found.usage or _Usage(), found.choices[0]
        tokens = (max(used.prompt_tokens or 0, 0), max(used.completion_tokens or 0, 0))  # nothing makes a budget grow
        cost = sum(count * each / MILLION for count, each in zip(tokens, self.price, strict=True))
        missing = choice.message.refusal or f"nothing (finish_reason {choice.finish_reason})"
        return Answer(choice.message.text(), cost, choice.finish_reason == "length", self._line(missing))

    def _connect(self) -> Any:
        import openai

        self._key = os.environ.get(self.params.key, "")
        if not self._key:
            raise StageError(f"captions.llm: the environment has no {self.params.key}: set it to the endpoint's key")
        return openai.OpenAI(
            base_url=self.params.url, api_key=self._key, timeout=self.params.timeout_s, max_retries=self.params.retries
        )

    def _line(self, said: object) -> str:
        """An error or a text on one line, without the key."""
        name = f"{type(said).__name__}: " if isinstance(said, Exception) else ""
        text = str(said).replace(self._key, "***") if len(self._key) >= SHORTEST_KEY else str(said)
        return f"{name}{' '.join(text.split())}"[:SHOWN]


class _FormRefused(Exception):
    """The server does not take a request of this form, and `said` why; `line` is for people."""

    def __init__(self, line: str, said: str) -> None:
        super().__init__(line)
        self.line, self.said = line, said


def host_of(url: str) -> str:
    """The host of a web address. Raises StageError for what is none."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts.hostname
    except ValueError:
        pass
    raise StageError(f"captions.llm.url: '{url}' is no web address: write it as http://localhost:8000/v1")


def is_local(url: str) -> bool:
    """Whether the address is of this machine or its network, where a model costs nothing."""
    host = host_of(url)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal", ".lan"))
    return address.is_private or address.is_loopback or address.is_unspecified
