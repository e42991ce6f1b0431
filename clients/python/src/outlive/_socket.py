"""One WebSocket: what it hears goes to its owner, what is sent goes out in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

SUBPROTOCOL = "outlive.v1"

CLOSE_S = 5.0  # how long a close may take, in seconds; then the connection is cut
_LONGEST_MS = 2**31 - 1


class _Dial(connect):
    """A token is shown to the server that was named, and to no other."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class Owner(Protocol):
    """Whoever has a socket. Nothing is told of one that its owner has closed."""

    def on_open(self, socket: Socket) -> None:
        """It is open."""

    def on_message(self, socket: Socket, message: str | bytes) -> None:
        """A message came."""

    def on_over(self, socket: Socket, code: int | None, reason: str, after_ms: int | None) -> None:
        """It is over. `code`: how the server closed, or what the status of a refused upgrade says; none if it was lost."""


class Socket:
    """A WebSocket, dialled at once."""

    def __init__(self, address: str, owner: Owner, close_of_status: Callable[[int], int | None]) -> None:
        self._owner: Owner | None = owner
        self._close_of_status = close_of_status
        self._out: asyncio.Queue[str | None] = asyncio.Queue()
        self._queued = 0
        self._connection: ClientConnection | None = None
        self._is_closing = False
        self.done = asyncio.ensure_future(self._run(address))

    @property
    def unsent(self) -> int:
        """What the network has not taken yet, in bytes."""
        connection = self._connection
        buffered = connection.transport.get_write_buffer_size() if connection is not None else 0
        return self._queued + buffered

    def send(self, text: str) -> None:
        """Sends a message. Of one that is closing, nothing goes out any more."""
        if not self._is_closing:
            self._queued += len(text)
            self._out.put_nowait(text)

    def close(self) -> None:
        """Sends what was given to it, closes, and tells its owner nothing more."""
        self._owner = None
        if self._is_closing:
            return
        self._is_closing = True
        self._out.put_nowait(None)
        if self._connection is None:
            self.done.cancel()
        else:  # a peer that takes nothing, or is not there any more, must not keep it
            asyncio.get_running_loop().call_later(CLOSE_S, self.done.cancel)

    async def _run(self, address: str) -> None:
        code, reason, after_ms = None, "", None
        try:
            connection = await _Dial(
                address,
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                open_timeout=None,  # the table has a timer of its own, for dial and welcome together
                ping_interval=None,  # so has the protocol
                close_timeout=CLOSE_S,
                max_size=None,
                compression=None,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            code = self._close_of_status(status)
            reason = _problem(status, bytes(error.response.body or b""))
            after_ms = _retry_after(error.response.headers.get("Retry-After"))
        except Exception as error:  # a dial fails in many ways, and each is a dial that failed
            reason = str(error) or type(error).__name__
        else:
            code, reason = await self._talk(connection)
        if self._owner is not None:
            self._owner.on_over(self, code, reason, after_ms)

    async def _talk(self, connection: ClientConnection) -> tuple[int | None, str]:
        self._connection = connection
        writing = asyncio.ensure_future(self._write(connection))
        try:
            if self._owner is not None:
                self._owner.on_open(self)
            async for message in connection:
                if self._owner is not None:
                    self._owner.on_message(self, message)
        except ConnectionClosed:
            pass
        finally:
            writing.cancel()
            connection.transport.abort()
        # What the server's close frame says; there is none if the connection was lost.
        close = connection.protocol.close_rcvd
        if close is None or close.code == 1005:
            return None, close.reason if close else ""
        return close.code, close.reason

    async def _write(self, connection: ClientConnection) -> None:
        try:
            while True:
                text = await self._out.get()
                if text is None:
                    break
                await connection.send(text)
                self._queued -= len(text)
            await connection.close(1000)
        except ConnectionClosed:
            pass

    async def closed(self) -> None:
        """Waits until it is closed. That takes no longer than a close may, once `close` was called."""
        await asyncio.wait([self.done])


def _problem(status: int, body: bytes) -> str:
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    message = said.get("message") if isinstance(said, dict) else None
    return f"HTTP {status}: {message}" if isinstance(message, str) else f"HTTP {status}"


def _retry_after(value: str | None) -> int | None:
    """A `Retry-After`, in milliseconds. One that names a date is passed over: the clocks may differ."""
    text = (value or "").strip()
    if not text.isascii() or not text.isdigit():
        return None
    return min(_LONGEST_MS, int(text[:12]) * 1000)
