"""A reverse proxy as small as can be: it serves what another server has below a prefix of its own, which it strips."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_ITS_OWN = {"connection", "transfer-encoding", "keep-alive", "date", "server"}
"""Headers that speak of one connection alone, or that a server writes itself."""


@dataclass
class Proxy:
    """``url`` is where the prefix begins; ``astray`` are the paths outside the prefix that were asked for."""

    url: str
    astray: list[str] = field(default_factory=list)


@contextmanager
def proxied(upstream: str, prefix: str) -> Iterator[Proxy]:
    """Serve `upstream` below `prefix`, passing on the Host header as it came (``proxy_set_header Host $http_host``)."""
    with httpx.Client(base_url=upstream, timeout=60.0) as client:

        class Handler(BaseHTTPRequestHandler):
            def forward(self) -> None:
                if not self.path.startswith(f"{prefix}/"):
                    proxy.astray.append(self.path)
                    self.send_error(404)
                    return
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                path, headers = self.path.removeprefix(prefix), dict(self.headers)
                with (
                    suppress(OSError, httpx.TransportError),  # either side may hang up in the middle of a stream
                    client.stream(self.command, path, headers=headers, content=body) as answer,
                ):
                    self.pass_on(answer)

            def pass_on(self, answer: httpx.Response) -> None:
                self.send_response(answer.status_code)
                for name, value in answer.headers.multi_items():
                    if name not in _ITS_OWN:
                        self.send_header(name, value)
                self.end_headers()
                for chunk in answer.iter_raw():
                    self.wfile.write(chunk)
                    self.wfile.flush()

            do_GET = do_POST = do_PUT = do_DELETE = forward  # noqa: N815 (the names that http.server calls)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        proxy = Proxy(f"http://127.0.0.1:{server.server_port}{prefix}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield proxy
        server.shutdown()
        server.server_close()
        thread.join()
