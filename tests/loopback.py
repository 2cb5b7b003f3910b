"""A loopback site that behaves as sites do: well, slowly, and badly."""

import collections
import contextlib
import http.server
import subprocess
import threading
import time

import imageio_ffmpeg
import numpy as np
from recording import record

POLL_S = 0.02  # how soon a server notices that it should end


class Answers(http.server.BaseHTTPRequestHandler):
    """A handler that is quiet and gives whole bodies."""

    def log_message(self, *args):
        pass

    def give(self, data):
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextlib.contextmanager
def serving(handler):
    """A server of `handler` for as long as the block lasts; its address is `url`, and `asked` counts."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.url = f"http://127.0.0.1:{server.server_port}"
    server.asked = collections.Counter()
    threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Site:
    """Files below `folder`, and trouble for paths named in `trouble` (path to a list of answers, used up in turn).

    An answer is a status, "cut" (the connection ends half way), "short" or "long" (a wrong Content-Length), "slow",
    "hang" (nothing comes after the first half) or "die" (nor does any other answer).
    """

    def __init__(self, folder, port=0):
        self.folder = folder
        self.trouble = collections.defaultdict(list)
        self.asked = collections.Counter()
        self.ranges = []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_HEAD(self):
                self.do_GET(body=False)

            def do_GET(self, body=True):
                path = self.path.split("?")[0]
                site.asked[path] += 1
                answer = site.trouble[path].pop(0) if body and site.trouble[path] else 200
                file = site.folder / path.lstrip("/")
                if isinstance(answer, int) and answer != 200:
                    return self.send_error(answer)
                if not file.is_file():
                    return self.send_error(404)
                return self.give(file, file.read_bytes(), answer, body)

            def give(self, file, data, answer, body):
                begin = 0
                if (wanted := self.headers.get("Range")) and answer == 200:
                    begin = int(wanted.removeprefix("bytes=").split("-")[0])
                    site.ranges.append((file.name, begin))
                kinds = {".mp4": "video/mp4", ".m3u8": "application/vnd.apple.mpegurl", ".xml": "application/rss+xml"}
                self.send_response(206 if wanted and answer == 200 else 200)
                self.send_header("Content-Type", kinds.get(file.suffix, "video/mp2t"))
                self.send_header("Accept-Ranges", "bytes")
                if wanted and answer == 200:
                    self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
                rest = data[begin:]
                length = {"short": len(rest) // 2, "long": len(rest) + 999}.get(answer, len(rest))
                self.send_header("Content-Length", str(length))
                self.end_headers()
                if not body:
                    return
                if answer == "slow":
                    for part in range(0, len(rest), 4096):
                        self.wfile.write(rest[part : part + 4096])
                        time.sleep(0.02)
                else:
                    half = dict.fromkeys(("cut", "hang", "die"), len(rest) // 2)
                    self.wfile.write(rest[: {"short": length, **half}.get(answer, len(rest))])
                    if answer == "hang":
                        self.rfile.read(1)  # until the client hangs up
                    if answer == "die":
                        self.server.shutdown()
                        self.server.server_close()
                self.close_connection = answer != 200

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.handle_error = lambda *args: None  # clients that hang up are part of the play
        threading.Thread(target=self.server.serve_forever, args=(POLL_S,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def playlist(self, name, links):
        """A page that lists videos."""
        items = "".join(f"<item><title>t</title><link>{self.url}/{link}</link></item>" for link in links)
        text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>c</title>{items}</channel></rss>'
        (self.folder / name).write_text(text)
        return f"{self.url}/{name}"

    def two_copies(self, name, frames, fps=5):
        """A video in a small and a large copy, as HLS; returns its address."""
        folder = self.folder / name
        folder.mkdir()
        lines = ["#EXTM3U"]
        for label, height in (("small", 160), ("large", 480)):
            source = record(
                folder / f"{label}.mp4",
                [np.repeat(np.repeat(f, height // 80, 0), height // 80, 1) for f in frames],
                fps,
                sound=True,
            )
            command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", source, "-c", "copy", "-f", "hls"]
            command += ["-hls_time", "60", "-hls_playlist_type", "vod", folder / f"{label}.m3u8"]
            subprocess.run([str(part) for part in command], check=True)
            source.unlink()
            rate, width = height * 1000, height * 16 // 10
            lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={rate},RESOLUTION={width}x{height}", f"{label}.m3u8"]
        (folder / f"{name}.m3u8").write_text("\n".join(lines) + "\n")
        return f"{self.url}/{name}/{name}.m3u8"
