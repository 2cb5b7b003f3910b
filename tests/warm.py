"""A warm Python: it runs `python -m stages.NAME` in a fork of a process that has imported the large libraries.

To import PyTorch, timm, open_clip and transformers takes 5 s of CPU, more than most stages need for the work of a tiny
run, and the tests of the pipeline start stages again and again. `Warm.folder`, first on the PATH, has a `python` that
hands stages, and torchrun, to the server, with its own working directory, environment and streams, and gives everything
else to the real interpreter. A stage's own code is imported in the fork, from the clone in which it runs.
"""

import atexit
import functools
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

LIBRARIES = ("torch", "timm", "open_clip", "transformers", "pandas", "pyarrow.parquet", "sklearn.linear_model", "cv2")
LIBRARIES += (
    "skimage.measure",
    "matplotlib.figure",
    "av",
    "joblib",
    "pydantic",
    "nltk",
    "faster_whisper",
    "webdataset",
)
PYTHON = f"""#!{sys.executable} -SE
import json, os, socket, sys
if sys.argv[1:2] != ["-m"] or not sys.argv[2].startswith(("stages.", "torch.distributed.run")):
    os.execv({sys.executable!r}, [{sys.executable!r}, *sys.argv[1:]])
server = socket.socket(socket.AF_UNIX)
server.connect({{address!r}})
call = json.dumps([os.getcwd(), dict(os.environ), sys.argv[2:]]).encode()
socket.send_fds(server, [len(call).to_bytes(4, "big")], [0, 1, 2])
server.sendall(call)
sys.exit(int(server.recv(8) or 1))
"""


@functools.cache
def warm() -> "Warm":
    """The warm Python of this process of tests."""
    return Warm()


class Warm:
    """The server, and the folder with the `python` that calls it."""

    def __init__(self) -> None:
        self.folder = folder = Path(tempfile.mkdtemp())
        address = str(folder / "socket")
        (folder / "python").write_text(PYTHON.format(address=address))
        (folder / "python").chmod(0o755)
        self._server = subprocess.Popen([sys.executable, __file__, address], stdout=subprocess.PIPE)
        assert self._server.stdout
        self._server.stdout.readline()  # it listens

        atexit.register(self.close)

    def close(self) -> None:
        """End the server."""
        self._server.kill()
        self._server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def serve(address: str) -> None:
    """Fork for each call that comes to `address`, for ever; a call that hangs up ends its fork."""
    for name in LIBRARIES:
        importlib.import_module(name)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    print("ready", flush=True)
    running: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([listener, *running.values()], [], [], 0.05 if running else None)
        for pid, call in list(running.items()):
            if os.waitpid(pid, os.WNOHANG)[0]:
                running.pop(pid).close()
            elif call in ready and hung_up(call):
                os.kill(pid, signal.SIGKILL)
        if listener in ready:
            call, _ = listener.accept()
            if (pid := os.fork()) == 0:
                listener.close()
                run(call)
            running[pid] = call


def hung_up(call: socket.socket) -> bool:
    """Whether the caller was killed. What there is to read may be its request, which the fork takes meanwhile."""
    try:
        return not call.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False


def run(call: socket.socket) -> None:
    """Run the stage that `call` asks for, in this process, and end it."""
    size, streams, _, _ = socket.recv_fds(call, 4, 3)
    data = b""
    while len(data) < int.from_bytes(size, "big"):
        data += call.recv(1 << 16)
    folder, environment, (module, *arguments) = json.loads(data)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:1] = [folder, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = [module, *arguments]
    code = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    call.sendall(str(code).encode())
    os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
