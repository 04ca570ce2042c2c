"""An HTTP server of the standard library that says nothing of clients that vanish."""

from __future__ import annotations

import sys
from http.server import ThreadingHTTPServer


class Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that are killed: that is what they are there for."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]
