"""A socket to play with. Time is the loop's own; nothing here waits for it."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from unittest import mock

import outlive
from outlive import _client

NO_WAIT = {"first_ms": 0, "step_ms": 0, "spacing_ms": 0}


class FakeSocket:
    all: list["FakeSocket"] = []

    def __init__(self, address: str, owner: Any, close_of_status: Any) -> None:
        self.address, self.owner = address, owner
        self.sent: list[dict[str, Any]] = []
        self.is_closed = False
        self.unsent = 0
        FakeSocket.all.append(self)

    def send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    def close(self) -> None:
        self.is_closed = True

    async def closed(self) -> None:
        pass

    def hear(self, text: Any) -> None:
        self.owner.on_message(self, text)

    def tell(self, **frame: Any) -> None:
        self.hear(json.dumps(frame))

    def over(self, code: int | None, after_ms: int | None = None) -> None:
        self.owner.on_over(self, code, "", after_ms)


def playing() -> Any:
    """Replaces the real sockets."""
    FakeSocket.all = []
    return mock.patch.object(_client, "Socket", FakeSocket)


async def turns(many: int = 50) -> None:
    for _ in range(many):
        await asyncio.sleep(0)


async def until(holds: Any) -> None:
    async def poll() -> None:
        while not holds():
            await asyncio.sleep(0)

    await asyncio.wait_for(poll(), 60)  # a guard: what never comes is to be a failure


async def attached(client: outlive.Client, **more: Any) -> FakeSocket:
    """Its next connection, welcomed."""
    await until(lambda: client.state == "CONNECTING")
    socket = FakeSocket.all[-1]
    socket.owner.on_open(socket)
    await until(lambda: socket.sent)
    assert socket.sent[0]["t"] == "attach"
    socket.tell(**welcome(**more))
    await turns()
    return socket


def welcome(**more: Any) -> dict[str, Any]:
    return {
        "t": "welcome", "connection": "1", "log": "9f3a", "head": 0, "base": 0, "state": "ACTIVE", "incarnation": 1,
        "turn": None, "queue": [], "asks": [], "high": None, "outcome": "fresh", "ping_ms": 25000, **more,
    }  # fmt: skip


def entry(seq: int, **more: Any) -> dict[str, Any]:
    return {"t": "ev", "id": f"9f3a.{seq}", "entry": "output", "turn": 1, "d": seq, **more}


def accepted(n: int, seq: int) -> dict[str, Any]:
    return {"t": "accepted", "n": n, "seq": seq, "again": False, "incarnation": 1}
