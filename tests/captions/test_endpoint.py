"""The endpoint of a language model: what a server refuses is left out, what cannot be mended is one line."""

import pytest
from chat_endpoint import a_chat_endpoint, completion, params_for, refusal  # noqa: F401 (a fixture)

from stages.captions.endpoint import Endpoint, TooMuch, is_local
from stages.common.errors import Failed, StageError

ASKED = [{"role": "user", "content": "?"}]
SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def ask(endpoint, **changes):
    return Endpoint(params_for(endpoint, **changes).llm).ask(ASKED, SCHEMA)


def refusing(wrong, message, status=400):
    """A server that answers requests with the parameter `wrong` with an error."""
    return lambda body: (status, refusal(message)) if wrong(body) else (200, completion("{}"))


def test_a_schema_is_asked_for(endpoint):
    assert ask(endpoint).text == "{}"
    (body,) = endpoint.asked
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert (body["temperature"], body["max_tokens"]) == (0, 2000)


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("wrong", "message", "left"),
    [
        (lambda body: "response_format" in body, "unknown field", {"max_tokens", "temperature"}),
        (
            lambda body: body.get("response_format", {}).get("type") == "json_schema",
            "This response_format type is unavailable now",
            {"max_tokens", "temperature", "response_format"},
        ),
        (
            lambda body: "max_tokens" in body,
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            {"max_completion_tokens", "temperature", "response_format"},
        ),
        (
            lambda body: "temperature" in body,
            "'temperature' does not support 0 with this model.",
            {"max_tokens", "response_format"},
        ),
        (
            lambda body: "temperature" in body or "max_tokens" in body,
            "max_tokens and temperature are not for reasoning models",
            {"max_completion_tokens", "response_format"},
        ),
    ],
)
def test_what_a_server_refuses_is_left_out_and_not_sent_again(endpoint, status, wrong, message, left):
    endpoint.reply = refusing(wrong, message, status)
    assert ask(endpoint).text == "{}"
    tries = len(endpoint.asked)
    assert ask(endpoint).text == "{}"
    assert len(endpoint.asked) == tries + 1
    assert set(endpoint.asked[-1]) == {"model", "messages", *left}


def test_a_model_without_a_system_role_gets_the_task_before_the_data(endpoint):
    endpoint.reply = refusing(lambda body: body["messages"][0]["role"] == "system", "System role not supported")
    asked = [{"role": "system", "content": "Sort."}, {"role": "user", "content": "{}"}]
    assert Endpoint(params_for(endpoint).llm).ask(asked, SCHEMA).text == "{}"
    assert endpoint.asked[-1]["messages"] == [{"role": "user", "content": "Sort.\n\n{}"}]


@pytest.mark.parametrize("status", [400, 403])
def test_what_a_content_filter_stops_is_an_empty_answer(endpoint, status):
    endpoint.reply = lambda body: (status, refusal("The prompt triggered the content management policy."))
    answer = ask(endpoint)
    assert (answer.text, len(endpoint.asked)) == ("", 1)
    assert "content management policy" in answer.missing


@pytest.mark.parametrize("status", [404, 500, 501])
def test_a_server_that_fails_over_schemas_is_asked_without(endpoint, status):
    endpoint.reply = refusing(lambda body: "response_format" in body, "cannot compile the grammar", status)
    assert ask(endpoint, retries=0).text == "{}"


def test_a_request_that_is_refused_in_every_form_is_one_line(endpoint):
    endpoint.reply = lambda body: (400, refusal("the account is\nnot active; key secret-key"))
    with pytest.raises(Failed, match=r"^http://127\S+/v1: BadRequestError: .*the account is not active; key \*\*\*"):
        ask(endpoint)
    assert len(endpoint.asked) == 3


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "This model's maximum context length is 4096 tokens. However, you requested 6000 tokens."),
        (400, "the request exceeds the available context size, try increasing it"),
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        (400, "The input token count (40000) exceeds the maximum number of tokens allowed (32768)."),
        (400, "Please reduce the length of the messages or completion."),
        (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 6000"),
        (500, "Requested tokens (5000) exceed context window of 4096"),
        (413, "Payload"),
    ],
)
def test_a_question_that_is_too_long_is_told_apart(endpoint, status, message):
    endpoint.reply = lambda body: (status, refusal(message))
    with pytest.raises(TooMuch):
        ask(endpoint, retries=0)
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, r"refuses the key in TEST_KEY$"), (404, r"no such model.*check captions\.llm\.url .*/v1\) and name \(gpt")],
)
def test_a_wrong_key_and_a_wrong_model_stop_the_stage_at_once(endpoint, status, says):
    endpoint.reply = lambda body: (status, refusal("no such model: secret-key"))
    with pytest.raises(StageError, match=says) as caught:
        ask(endpoint)
    assert len(endpoint.asked) == 1
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [402, 403, 409, 418, 429, 500, 503])
def test_any_other_status_fails_the_video_alone(endpoint, status):
    endpoint.reply = lambda body: (status, b"<h1>Sorry</h1>")
    with pytest.raises(Failed) as caught:
        ask(endpoint, retries=0)
    assert caught.value.reason == "llm_unavailable"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Log in</html>",
        b'data: {"choices":[{"delta":{"content":"{}"}}]}\n\ndata: [DONE]\n\n',
        b"",
        b"\xff\xfe",
        [],
        None,
        {"choices": []},
        {"choices": None},
        {"choices": [{"message": None}]},
        {"choices": ["text"]},
        refusal("overloaded"),
    ],
)
def test_what_is_no_chat_completion_is_one_line(endpoint, body):
    endpoint.reply = lambda asked: (200, body)
    with pytest.raises(Failed, match=r"answers with no chat completion: .*") as caught:
        ask(endpoint)
    assert caught.value.reason == "llm_unavailable"
    assert "\n" not in caught.value.message


def called(arguments):
    return [{"id": "1", "type": "function", "function": {"name": "reply", "arguments": arguments}}]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (completion('{"a": 1}'), '{"a": 1}'),
        (completion([{"type": "text", "text": '{"a"'}, {"type": "text", "text": ": 1}"}]), '{"a": 1}'),
        (completion(None, "tool_calls", tool_calls=called('{"a": 1}')), '{"a": 1}'),
        (completion("", "tool_calls", tool_calls=called({"a": 1})), '{"a": 1}'),
        (completion(None, "function_call", function_call={"name": "f", "arguments": '{"a": 1}'}), '{"a": 1}'),
        (completion(None, "length", reasoning_content="hm"), ""),
        (completion('{"a": 1}') | {"usage": None}, '{"a": 1}'),
        (completion('{"a": 1}') | {"usage": {"prompt_tokens": None}}, '{"a": 1}'),
    ],
)
def test_the_words_are_found_wherever_a_server_puts_them(endpoint, message, text):
    endpoint.reply = lambda body: (200, message)
    assert ask(endpoint).text == text


def test_an_empty_answer_says_why(endpoint):
    endpoint.reply = lambda body: (200, completion(None, "content_filter", refusal="I cannot\nhelp."))
    assert ask(endpoint).missing == "I cannot help."
    endpoint.reply = lambda body: (200, completion(None, "length"))
    answer = ask(endpoint)
    assert (answer.cut_off, answer.missing) == (True, "nothing (finish_reason length)")


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:8000/v1", True),
        ("http://127.0.0.1:11434/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://192.168.1.20/v1", True),
        ("http://0.0.0.0:8000/v1", True),
        ("http://vllm:8000/v1", True),
        ("http://gpu-1.local/v1", True),
        ("https://api.openai.com/v1", False),
        ("https://8.8.8.8/v1", False),
        ("https://localhost.example.com/v1", False),
    ],
)
def test_a_model_on_this_network_costs_nothing(endpoint, url, local):
    assert is_local(url) is local
    price = Endpoint(params_for(endpoint, url=url).llm).price
    assert price == ([0, 0] if local else [0.5, 1.5])


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x/v1", "http://", "http://[::1/v1", "http://h:99999/v1", ""])
def test_what_is_no_web_address_stops_the_stage(endpoint, url):
    with pytest.raises(StageError, match=r"^captions\.llm\.url: '.*' is no web address"):
        ask(endpoint, url=url)


def test_a_paid_answer_costs_its_tokens(endpoint, monkeypatch):
    assert ask(endpoint).cost == 0
    monkeypatch.setattr("stages.captions.endpoint.is_local", lambda url: False)
    assert ask(endpoint).cost == pytest.approx(0.00065)  # 1000 tokens at 0.5 and 100 at 1.5 a million


def test_rate_limits_and_server_errors_are_tried_again(endpoint):
    for error in (429, 500):
        endpoint.errors = [error]
        assert ask(endpoint).text == "{}"
    assert len(endpoint.asked) == 4


@pytest.mark.parametrize("error", [503, 2.5])
def test_an_endpoint_that_stays_down_or_is_slow_is_one_line(endpoint, error):
    endpoint.errors = [error] * 2
    with pytest.raises(Failed, match=r"^http://127.0.0.1:\d+/v1: \w+: ") as caught:
        ask(endpoint, timeout_s=1.0)
    assert caught.value.reason == "llm_unavailable"


def test_nobody_listening_is_one_line(endpoint):
    with pytest.raises(Failed, match="APIConnectionError"):
        ask(endpoint, url="http://127.0.0.1:9/v1", retries=0)


def test_without_a_key_the_stage_stops(endpoint, monkeypatch):
    monkeypatch.delenv("TEST_KEY")
    with pytest.raises(StageError, match="the environment has no TEST_KEY"):
        ask(endpoint)


def test_a_key_that_no_header_can_hold_is_one_line(endpoint, monkeypatch):
    monkeypatch.setenv("TEST_KEY", "schlüssel\u2026")
    with pytest.raises(Failed, match="UnicodeEncodeError"):
        ask(endpoint, retries=0)
