"""Taking the address that a server is to listen on, or saying what to do where it cannot be had."""

from __future__ import annotations

import errno
import socket

from service.client import ApiError
from service.server import listen

_NEXT_STEP = {
    errno.EADDRINUSE: "another program listens there, perhaps another server: stop it, or choose another --port",
    errno.EACCES: "ports below 1024 are for root: choose another --port",
    errno.EADDRNOTAVAIL: "this machine does not have that address: choose another --host",
    socket.EAI_NONAME: "no machine is known by that name: choose another --host",
    socket.EAI_AGAIN: "no machine is known by that name at the moment: choose another --host, or try again",
}


def listen_or_explain(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises:
        ApiError: the address cannot be had; the message says what to do.
    """
    try:
        return listen(host, port)
    except OSError as error:
        step = _NEXT_STEP.get(error.errno or 0, f"{error.strerror}: choose another --host or --port")
        raise ApiError(f"cannot listen on {host}:{port}: {step}") from error
