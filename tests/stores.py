"""Stores on loopback for DVC remotes: S3, by moto's server, and a web server that gives files and may take them."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
from botocore.exceptions import EndpointConnectionError
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.utils import send_from_directory
from werkzeug.wrappers import Request, Response

KEYS = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_DEFAULT_REGION": "us-east-1"}
BUCKET = "bucket"
START_S = 30.0


@contextlib.contextmanager
def s3(log: Path):
    """The address of an S3 server in a process of its own, with an empty bucket. Takes KEYS from the environment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("wb") as said:
        command = [sys.executable, "-m", "moto.server", "-p", str(port)]
        server = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    give_up = time.monotonic() + START_S
    while True:
        try:
            boto3.client("s3", endpoint_url=url).create_bucket(Bucket=BUCKET)
            break
        except EndpointConnectionError:
            assert server.poll() is None and time.monotonic() < give_up, log.read_text()
            time.sleep(0.05)
    yield url
    server.kill()
    server.wait()


class _Quiet(WSGIRequestHandler):
    def log_request(self, *args):
        pass


class WebStore:
    """A web server of the files below `folder`. It takes files too where it is `writable`, each as a whole; after
    `most` of them it keeps everybody waiting until `go_on` is set."""

    def __init__(self, folder: Path, writable: bool = False, most: float = float("inf")) -> None:
        self.folder, self.writable, self.most = folder, writable, most
        self.full, self.go_on = threading.Event(), threading.Event()
        self._taken = 0
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()

    @Request.application
    def _answer(self, request: Request) -> Response:
        name = request.path.lstrip("/")
        if request.method in ("GET", "HEAD"):
            try:
                return send_from_directory(self.folder, name, request.environ)
            except NotFound as error:
                return error
        if request.method != "PUT" or not self.writable:
            return MethodNotAllowed()
        data = request.get_data()
        self._taken += 1
        if self._taken > self.most:
            self.full.set()
            self.go_on.wait()
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(data)
        return Response(status=201)
