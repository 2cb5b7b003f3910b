"""A loopback endpoint that answers chat completions as servers and models do: well, loosely, and not at all."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import ROOT
from loopback import POLL_S

from stages.captions.endpoint import FORMS
from stages.common.stage.params import load_params
from stages.lexicon.build import build

USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}


def completion(content, finish_reason="stop", **message):
    """The body of an answer whose message has these parts."""
    message = {"role": "assistant", "content": content} | message
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "usage": USAGE, "choices": [choice]}


def refusal(message, **more):
    """The body of an error."""
    return {"error": {"message": message, **more}}


class ChatEndpoint:
    """Answers with `reply`: the content of a message, or a function of the request that returns (status, body), the
    body an object, or bytes for what is no JSON. First with each of `errors`, an HTTP status or seconds to wait."""

    def __init__(self):
        self.reply, self.errors, self.asked = "{}", [], []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.asked.append(body)
                self.give(*endpoint.answer(body))

            def give(self, status, body):
                kind = "text/html" if isinstance(body, bytes) else "application/json"
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(POLL_S,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def answer(self, body):
        error = self.errors.pop(0) if self.errors else 200
        if isinstance(error, float):
            time.sleep(error)
        elif error != 200:
            return error, refusal("no")
        return self.reply(body) if callable(self.reply) else (200, completion(self.reply))

    def data(self, number=-1):
        """The data of a question that was asked."""
        return json.loads(self.asked[number]["messages"][1]["content"])


@pytest.fixture(name="endpoint")
def a_chat_endpoint(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "secret-key")
    FORMS.clear()
    found = ChatEndpoint()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture(name="lexicon_folder", scope="session")
def a_lexicon(tmp_path_factory):
    """A lexicon of the glossary alone."""
    folder = tmp_path_factory.mktemp("lexicon")
    params = load_params("lexicon", ROOT / "params.yaml")[0]
    small = {"glossary": str(ROOT / params.glossary), "mondo": "", "hpo": "", "umls": ""}
    build(params.model_copy(update=small), folder, folder / "metrics.json")
    return folder


def params_for(endpoint, **changes):
    """The stage's parameters, for the engine llm and this endpoint."""
    params = load_params("captions", ROOT / "params.yaml")[0]
    llm = {"url": endpoint.url, "key": "TEST_KEY", "retries": 1, "timeout_s": 5.0} | changes
    return params.model_copy(update={"engine": "llm", "llm": params.llm.model_copy(update=llm)})
