"""One kept-alive connection to a server, with next to no cost of its own: the client shares the cores with it."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit


class Connection:
    """Posts bodies one after the other.

    Args:
        url: the server's address.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes, form: str) -> bytes:
        """Return the body of the answer.

        Raises:
            RuntimeError: it is not a success; the message has the answer.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: {form}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        status, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        length = next(int(field.partition(":")[2]) for field in fields if field.startswith("content-length:"))
        answer = await reader.readexactly(length)
        if " 200 " not in f"{status} ":
            raise RuntimeError(f"{status}: {answer.decode()}")
        return answer

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            await self._streams[1].wait_closed()
