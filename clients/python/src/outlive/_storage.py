"""Where a client keeps what must outlive its process."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from ._frames import cursor_of, is_count


class Storage(Protocol):
    """Keeps one value that JSON can hold. Both methods may be plain or `async`. There is one call of `save` at a time, and
    two clients must not share one: a client's newer connection replaces its older one."""

    def load(self) -> Any:
        """What `save` was given last; none if there is nothing. A value of another shape, or an error, is told as news
        with the reason `not_readable`, and the client begins with nothing."""

    def save(self, value: Any, /) -> Any:
        """Keeps it. Raises if it does not."""


class MemoryStorage:
    """Keeps the value for the life of this object."""

    def __init__(self) -> None:
        self._text = "null"

    def load(self) -> Any:
        return json.loads(self._text)

    def save(self, value: Any) -> None:
        self._text = json.dumps(value)


class FileStorage:
    """Keeps the value in a file, which is replaced as a whole: a process that dies leaves the old one or the new one."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)

    async def load(self) -> Any:
        def read() -> Any:
            try:
                return json.loads(self._path.read_text("utf-8"))
            except FileNotFoundError:
                return None

        return await asyncio.to_thread(read)

    async def save(self, value: Any) -> None:
        text = json.dumps(value)

        def write() -> None:
            new = self._path.with_name(f"{self._path.name}.new")
            with new.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)

        await asyncio.to_thread(write)


def kept_of(value: Any) -> dict[str, Any] | None:
    """What a storage gave, if a client wrote it; none if there is nothing. Raises if it is of another shape."""
    if value is None:
        return None
    if not isinstance(value, dict) or not _is_kept(**{name: value.get(name) for name in ("client", "link", "bodies", "ticket")}):
        raise TypeError("the stored value is of another shape")
    return value


def _is_kept(client: Any, link: Any, bodies: Any, ticket: Any) -> bool:
    if not isinstance(client, str) or not client or not isinstance(link, dict) or not isinstance(bodies, dict):
        return False
    cursor, following, tried, outbox = (link.get(name) for name in ("cursor", "next", "tried", "outbox"))
    return (
        (cursor is None or cursor_of(cursor) is not None)
        and (following is None or is_count(following))
        and (tried is None or isinstance(tried, bool))
        and is_count(ticket)
        and isinstance(outbox, list)
        and all(is_count(waits) and waits < ticket and str(waits) in bodies for waits in outbox)
    )


class Writer:
    """Writes to a storage, one write at a time."""

    def __init__(self, save: Callable[[], Awaitable[None] | None]) -> None:
        """`save` writes what is current when it is called."""
        self._save = save
        self._writing: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    def write(self) -> asyncio.Task[None] | None:
        """Writes what is current. Returns a task if the storage is asynchronous. Raises, or the task does, if the storage
        does not take it."""
        if self._next is not None:
            return self._next
        if self._writing is not None:
            self._next = asyncio.ensure_future(self._after(self._writing))
            return self._next
        saved = self._save()
        if saved is None:
            return None
        self._writing = asyncio.ensure_future(self._done(saved))
        return self._writing

    async def _done(self, saved: Awaitable[None]) -> None:
        try:
            await saved
        finally:
            self._writing = None

    async def _after(self, writing: asyncio.Task[None]) -> None:
        await asyncio.wait([writing])
        self._next = None
        again = self.write()
        if again is not None:
            await again

    @property
    def pending(self) -> asyncio.Task[None] | None:
        """The last write that is not done, or none."""
        return self._next or self._writing
