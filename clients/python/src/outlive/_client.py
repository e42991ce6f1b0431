"""The client. What it does about its connection is decided by the table (_machine.py, table.json); this file dials, sets
timers and keeps what must outlive the process."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import random as _random
import re
import secrets
import time
import urllib.parse
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, NamedTuple

from ._frames import Frame, cursor_of, read_frame, tells_of_life
from ._machine import Effect, Event, Link, Wait, close_of_status, is_for_now, wait_ms
from ._options import OutliveError, body_of, check
from ._socket import Socket
from ._storage import MemoryStorage, Storage, Writer, kept_of

Update = dict[str, Any]
News = dict[str, Any]
Token = str | Callable[[], "str | Awaitable[str]"]

_LONGEST_MS = 2**31 - 1  # the longest wait: 24.8 days
_CURSOR_MS = 1000  # how often a cursor that moves is written to the storage, at most
_LOG = logging.getLogger("outlive")


class Accepted(NamedTuple):
    """A prompt that the server has accepted."""

    n: int
    """Its number among this client's prompts."""
    seq: int
    """Its place in the log."""


class Waiting(NamedTuple):
    """A prompt that waits until the server has it."""

    ticket: int
    body: Any


class Client:
    """One client's link to one session. All of it runs in one event loop.

    * `url`: the server, `wss://host`. `session`: what `create_session` gave.
    * `apply`: applies an update to what is shown, one at a time; plain or `async`. An entry counts as applied when it is
      done. `{"kind": "anew", "welcome"}`: what is shown is void, everything that is retained follows. `{"kind": "entry",
      "seq", "id", "at", "entry", …}`: the next entry of the log; `at` is when it was committed, in milliseconds since the
      Unix epoch, and `by`, where somebody caused it, who was authorised to (`client` is only what a client calls itself).
      `{"kind": "gap", "lost_from", "lost_to"}`: these are lost.
    * `notify`: is given news, which moves no cursor. Its `kind`: `state`, `welcome`, `caught_up`, `accepted`, `failed`,
      `refused`, `closed`, `unreached`, `behind` or `error`.
    * `token`: shown to the server; or a function that gives one, plain or `async`, asked for each connection.
    * `client`: the client's name for itself; made, and kept in the storage, if none is given.
    * `cursor`: begins after this entry, which is shown already. With `keeps_what_it_shows` the cursor in the storage
      counts: what is shown is kept over restarts, by the application, together with it.
    * `storage`: keeps one value; for the life of the client if none is given.
    * `settings`: the numbers of the table (docs/tables-json.md).
    * `backlog_entries`, `backlog_bytes`: how much may be received and wait for `apply`. With one update more the client hangs
      up until everything is applied; one alone may be larger. `math.inf` is no bound.
    * `trace`: called for each event, with the rows that answered it.
    * `now`: a clock that nobody sets, in seconds. `random`: a number of at least 0 and below 1.

    Raises a `TypeError` if an option can never work."""

    def __init__(
        self,
        url: str,
        session: str,
        *,
        apply: Callable[[Update], Any],
        notify: Callable[[News], object] | None = None,
        token: Token | None = None,
        client: str | None = None,
        cursor: str | None = None,
        keeps_what_it_shows: bool = False,
        storage: Storage | None = None,
        settings: Mapping[str, int] | None = None,
        backlog_entries: float = 4096,
        backlog_bytes: float = 16 * 2**20,
        trace: Callable[[dict[str, Any]], object] | None = None,
        now: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = _random.random,
    ) -> None:
        storage = MemoryStorage() if storage is None else storage
        check(url, session, apply, notify, storage, settings, backlog_entries, backlog_bytes)
        base = re.sub("^http", "ws", url).rstrip("/")
        self._address = f"{base}/sessions/{urllib.parse.quote(session, safe='')}/ws"
        self._session = session
        self._to_apply, self._to_notify, self._to_trace = apply, notify, trace
        self._token = token
        self._given_id, self._given_cursor, self._keeps = client, cursor, keeps_what_it_shows
        self._storage = storage
        self._settings = settings
        self._backlog = backlog_entries, backlog_bytes
        self._clock, self._random = now, random
        self.id: str = client or f"c_{secrets.token_hex(12)}"
        """The client's name. If none was given it is right once the storage has answered."""
        self.welcome: Frame | None = None
        """The server's last welcome; none before the first."""
        self.incarnation: int | None = None
        """Which incarnation of the session a stop is for, as far as this client has heard."""
        self._link = Link(None, settings)
        self._loading: asyncio.Task[None] | None = None
        self._is_loaded = False
        self._socket: Socket | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._heard = 0.0
        self._unsent = 0
        self._dialled: float | None = None
        self._events: deque[tuple[Event, Frame | None, Callable[[dict[str, str]], None] | None]] = deque()
        self._is_busy = False
        self._frame: Frame | None = None  # the frame that the event at hand came from
        self._size = 0  # and its size in bytes
        self._reason = ""
        self._handed: deque[tuple[Update, Event, int]] = deque()  # handed over, not applied
        self._bytes = 0
        self._is_behind = False  # it has hung up, since too much is handed over and not applied
        self._overdue: Callable[[], None] | None = None  # the dial that waits for it
        self._applying: asyncio.Task[None] | None = None
        self._bodies: dict[int, Any] = {}
        self._told: dict[int, asyncio.Future[Accepted]] = {}
        self._next = 1
        self._keeping: list[int] = []  # tickets on their way to the storage, and not yet in the outbox
        self._writer = Writer(self._store)
        self._saved: tuple[str, str | None, float] | None = None  # the outbox as text, the cursor, and when
        self._unsaved: asyncio.TimerHandle | None = None  # the timer that saves a cursor which has moved
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Client:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def state(self) -> str:
        """STOPPED, DORMANT, BACKING_OFF, CONNECTING, ATTACHING, REPLAYING, LIVE or HIDDEN."""
        return self._link.state

    @property
    def cursor(self) -> str | None:
        """How far `apply` has come; none before the first entry."""
        return self._link.cursor

    @property
    def waiting(self) -> list[Waiting]:
        """What waits until the server has it, in order; also what was prompted before this process."""
        return [Waiting(ticket, self._bodies.get(ticket)) for ticket in self._link.outbox]

    async def start(self) -> None:
        """Connects and keeps connected; if it is connecting already: now. Returns when the storage has answered."""
        await self._load()
        self._feed({"event": "start"})

    async def stop(self) -> None:
        """Leaves. The session goes on, and what waits in the outbox stays for the next start. Returns when the storage has
        it and the connection is closed."""
        await self._load()
        socket = self._socket
        self._feed({"event": "stop"})
        self._flush()
        if self._writer.pending is not None:
            await asyncio.wait([self._writer.pending])
        if socket is not None:
            await socket.closed()

    async def hide(self) -> None:
        """The application goes to the background: nothing arrives there, and the server keeps its place."""
        await self._load()
        self._feed({"event": "hide"})
        self._flush()

    async def show(self) -> None:
        """The application comes to the front."""
        await self._load()
        self._feed({"event": "show", "silent_ms": int(self._now() - self._heard)})

    async def online(self) -> None:
        """There is a network again, as far as the application is told."""
        await self._load()
        self._feed({"event": "online"})

    async def prompt(self, body: Any) -> Accepted:
        """Sends a prompt, now or when there is a connection again, and again to a server that only cannot take it now.
        Returns when it is accepted.

        Raises an `OutliveError`: at once with `no_json`, `not_kept` or `not_started`, and then nothing is kept; with the
        reason of a server that refuses it for good; with `closed` and the code if the server sends the client away for good,
        or if the frame is too large (1009). A prompt whose caller was cancelled is sent all the same."""
        body = body_of(body)
        await self._load()
        ticket = self._next
        self._next += 1
        self._bodies[ticket] = body
        self._keeping.append(ticket)
        # A caller that is cancelled leaves the prompt where it is: kept, or on its way there.
        return await asyncio.shield(self._spawn(self._keep(ticket)))

    async def _keep(self, ticket: int) -> Accepted:
        """A prompt is taken when it is in the storage."""
        try:
            done = self._writer.write()
            if done is not None:
                await done
        except Exception as error:
            del self._bodies[ticket]
            raise OutliveError("not_kept", f"the storage does not take the prompt: {error}") from error
        finally:
            self._keeping.remove(ticket)
        told: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        told.add_done_callback(lambda told: told.cancelled() or told.exception())  # its caller may be gone
        self._told[ticket] = told

        def refuse(refusal: dict[str, str]) -> None:
            del self._bodies[ticket]
            del self._told[ticket]
            self._save()
            told.set_exception(_refused(refusal))

        self._feed({"event": "prompt", "ticket": ticket}, None, refuse)
        return await told

    def interrupt(self, turn: int) -> None:
        """Stops a turn, or takes a queued prompt back. Raises an `OutliveError` without a connection."""
        self._command({"t": "interrupt", "turn": turn})

    def stop_session(self, incarnation: int | None = None) -> None:
        """Ends the session: `client.incarnation`, if none is named. Raises an `OutliveError` without a connection."""
        self._command({"t": "stop", "incarnation": self.incarnation if incarnation is None else incarnation})

    def answer(self, ask: int, body: Any) -> None:
        """Answers an ask. Raises an `OutliveError` without a connection, or if the body has no JSON."""
        self._command({"t": "answer", "ask": ask, "d": body_of(body)})

    def _command(self, frame: Frame) -> None:
        refusals: list[dict[str, str]] = []
        self._feed({"event": "command"}, frame, refusals.append)
        if refusals:
            raise _refused(refusals[0])

    # The storage.

    async def _load(self) -> None:
        if self._is_loaded:
            return
        if self._loading is None:
            self._loading = asyncio.ensure_future(self._begin())
        await asyncio.shield(self._loading)

    async def _begin(self) -> None:
        dropped, kept = None, None
        try:
            kept = kept_of(await _settled(self._storage.load()))
        except Exception as error:
            message = f"what is stored for the session {self._session} is dropped: {error}"
            dropped = OutliveError("not_readable", message)
            dropped.__cause__ = error
        self.id = self._given_id or (kept["client"] if kept else self.id)
        saved: dict[str, Any] = {}
        if kept is not None and kept["client"] == self.id:
            saved = dict(kept["link"])
            self._bodies = {ticket: kept["bodies"][str(ticket)] for ticket in saved["outbox"]}
            self._next = kept["ticket"]
        # A process that is started anew shows nothing yet, so it reads from the beginning, unless the application keeps
        # what it shows as well.
        if not self._keeps:
            saved["cursor"] = self._given_cursor
        self._link = Link(saved, self._settings)
        self._is_loaded = True
        if dropped is not None:
            _LOG.warning("%s", dropped)
            self._tell({"kind": "error", "error": dropped})

    def _value(self) -> dict[str, Any]:
        """What must outlive the process."""
        link = self._link.saved()
        link["outbox"] += self._keeping
        bodies = {str(ticket): body for ticket, body in self._bodies.items()}
        return {"client": self.id, "link": link, "bodies": bodies, "ticket": self._next}

    def _store(self) -> Awaitable[None] | None:
        """Writes what is current."""
        if self._unsaved is not None:
            self._unsaved.cancel()
            self._unsaved = None
        value = self._value()
        self._saved = _outbox_of(value), value["link"]["cursor"], self._now()
        try:
            saved = self._storage.save(value)
        except BaseException:
            self._saved = None
            raise
        return self._stored(saved) if inspect.isawaitable(saved) else None

    async def _stored(self, saved: Awaitable[Any]) -> None:
        try:
            await saved
        except BaseException:
            self._saved = None
            raise

    def _save(self) -> None:
        """A cursor that has moved is not worth a write each time, but the last one is."""
        value = self._value()
        if self._saved is None or self._saved[0] != _outbox_of(value):
            return self._save_now()
        if self._saved[1] == value["link"]["cursor"]:
            return None
        wait = self._saved[2] + _CURSOR_MS - self._now()
        if wait <= 0 or self.state == "STOPPED":
            return self._save_now()
        if self._unsaved is None:
            self._unsaved = asyncio.get_running_loop().call_later(wait / 1000, self._flush)
        return None

    def _flush(self) -> None:
        if self._unsaved is not None:
            self._save_now()

    def _save_now(self) -> None:
        try:
            done = self._writer.write()
        except Exception as error:
            return self._tell({"kind": "error", "error": error})
        if done is not None:
            done.add_done_callback(self._tell_unsaved)
        return None

    def _tell_unsaved(self, done: asyncio.Task[None]) -> None:
        if not done.cancelled() and (error := done.exception()) is not None:
            self._tell({"kind": "error", "error": error})

    # The machine.

    def _feed(
        self, event: Event, frame: Frame | None = None, refuse: Callable[[dict[str, str]], None] | None = None
    ) -> None:
        """One event at a time: what comes while one is performed waits."""
        self._events.append((event, frame, refuse))
        if self._is_busy:
            return
        self._is_busy = True
        try:
            while self._events:
                self._take(*self._events.popleft())
        finally:
            self._is_busy = False

    def _take(
        self, event: Event, frame: Frame | None, refuse: Callable[[dict[str, str]], None] | None
    ) -> None:
        before = self._link.state
        self._frame = frame
        if event["event"] in ("lost", "closed") and event["socket"] == self._link.socket:
            self._socket = None
        step = self._link.step(event)
        if self._to_trace is not None:
            taken = {"event": event, "trigger": step.trigger, "rules": step.rules, "state": self.state}
            self._call(self._to_trace, taken)
        for effect in step.effects:
            self._perform(effect, event)
        if step.refusal is not None and refuse is not None:
            refuse(step.refusal)
        if self._link.state != before:
            self._tell({"kind": "state", "state": self.state, "before": before})

    def _perform(self, effect: Effect, event: Event) -> None:
        kind = effect["effect"]
        frame = self._frame or {}
        if kind == "dial":
            self._dial()
        elif kind == "hang_up":
            if event["event"] == "timer" and event["timer"] == "attach":
                self._unreached("no welcome in time")
            self._hang_up()
        elif kind == "save":
            self._save()
        elif kind == "arm":
            self._arm(effect["timer"], effect["generation"], effect["wait"])
        elif kind == "disarm":
            self._disarm(effect["timer"])
        elif kind == "hello":
            self._spawn(self._hello(effect["cursor"]))
        elif kind == "send_detach":
            self._write({"t": "detach"})
        elif kind == "send_suspend":
            self._write({"t": "suspend", "seen": effect["seen"]})
        elif kind == "send_resume":
            self._write({"t": "resume"})
        elif kind == "send_ping":
            self._write({"t": "ping"})
        elif kind == "send_prompt":
            self._send_prompt(effect["n"], effect["ticket"])
        elif kind == "send_command":
            self._write(frame)
        elif kind == "begin_anew":
            self._hand_over({"kind": "anew", "welcome": frame}, effect["epoch"], effect["seq"], notice=True)
        elif kind == "deliver":
            self._note_life(frame)
            self._hand_over({**frame, "kind": "entry", "seq": effect["seq"]}, effect["epoch"], effect["seq"])
        elif kind == "deliver_gap":
            lost = {"lost_from": effect["lost_from"], "lost_to": effect["lost_to"]}
            self._hand_over({"kind": "gap", **lost}, effect["epoch"], effect["lost_to"])
        elif kind == "welcomed":
            self.welcome, self.incarnation = frame, frame["incarnation"]
            self._tell({"kind": "welcome", "welcome": frame})
        elif kind == "tell_caught_up":
            self._tell({"kind": "caught_up"})
        elif kind == "tell_accepted":
            self._note_life(frame)
            self._settle(effect["ticket"], Accepted(effect["n"], effect["seq"]))
        elif kind == "tell_failed":
            self._settle(effect["ticket"], self._failure(event))
        elif kind == "tell_closed":
            self._tell({"kind": "closed", "code": event["code"], "reason": self._reason or None})
        else:
            raise NotImplementedError(f"the machine asks for what this driver cannot: {kind}")

    def _note_life(self, frame: Frame) -> None:
        """What comes after the end of one life belongs to the next. What is read again tells of earlier ones."""
        if frame["t"] != "accepted" and not tells_of_life(frame):
            return
        following = 1 if frame["t"] == "ev" and frame["entry"] == "end" else 0
        self.incarnation = max(self.incarnation or 0, frame["incarnation"] + following)

    def _settle(self, ticket: int, outcome: Accepted | OutliveError) -> None:
        told = self._told.pop(ticket, None)
        self._bodies.pop(ticket, None)
        if isinstance(outcome, OutliveError):
            if told is not None and not told.done():
                told.set_exception(outcome)
            return self._tell({"kind": "failed", "ticket": ticket, "error": outcome})
        if told is not None and not told.done():
            told.set_result(outcome)
        return self._tell({"kind": "accepted", "ticket": ticket, **outcome._asdict()})

    def _failure(self, event: Event) -> OutliveError:
        if event["event"] == "refused":
            frame = self._frame or {}
            return OutliveError(frame["reason"], frame.get("message") or frame["reason"], rule=frame.get("rule"))
        return OutliveError("closed", f"the server closed with {event['code']}", code=event["code"])

    # The connection.

    def _dial(self) -> None:
        self._dialled = self._heard = self._now()
        self._socket = Socket(self._address, self, close_of_status)
        self._unsent = 0

    def _hang_up(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.close()

    def _unreached(self, why: str) -> None:
        self._tell({"kind": "unreached", "why": why})

    def on_open(self, socket: Socket) -> None:
        """For the socket."""
        self._feed({"event": "opened", "socket": self._link.socket})

    def on_over(self, socket: Socket, code: int | None, reason: str, after_ms: int | None) -> None:
        """For the socket."""
        if socket is not self._socket:
            return
        self._reason = reason
        if self.state in ("CONNECTING", "ATTACHING"):
            self._unreached(f"{self._address}: {reason or 'no reason was given'} ({code or 1006})")
        if code is None:
            return self._feed({"event": "lost", "socket": self._link.socket})
        event: Event = {"event": "closed", "socket": self._link.socket, "code": code}
        if after_ms is not None:
            event["after_ms"] = after_ms
        return self._feed(event)

    def on_message(self, socket: Socket, message: str | bytes) -> None:
        """For the socket."""
        if socket is not self._socket:
            return
        self._heard = self._now()
        frame = read_frame(message)
        if frame is None:
            return
        self._size = len(message)
        self._hear(self._link.socket, frame)

    def _hear(self, socket: int, frame: Frame) -> None:
        kind = frame["t"]
        if kind == "welcome":
            names = ("log", "base", "head", "outcome", "ping_ms")
            welcome = {name: frame[name] for name in names} | {"high": frame.get("high")}
            self._feed({"event": "welcome", "socket": socket, "welcome": welcome}, frame)
        elif kind == "ev":
            at = cursor_of(frame["id"])
            assert at is not None, "a frame with another id was passed over"
            self._feed({"event": "entry", "socket": socket, "log": at[0], "seq": at[1]}, frame)
        elif kind == "gap":
            lost = {"lost_from": frame["lost_from"], "lost_to": frame["lost_to"]}
            self._feed({"event": "gap", "socket": socket, **lost}, frame)
        elif kind == "accepted":
            self._feed({"event": "accepted", "socket": socket, "n": frame["n"], "seq": frame["seq"]}, frame)
        elif kind == "refused" and frame["what"] == "prompt":
            event = {"event": "refused", "socket": socket, "n": frame["n"], "expected": frame.get("expected")}
            self._feed({**event, "for_now": is_for_now(frame["reason"])}, frame)
        elif kind == "refused":
            self._tell({**frame, "kind": "refused"})
        elif kind == "pong":
            self._feed({"event": "pong", "socket": socket})
        elif kind == "ping":
            self._write({"t": "pong"})
        elif kind == "goaway":
            least, most = frame["retry_after_ms"]
            self._feed({"event": "goaway", "socket": socket, "least_ms": least, "most_ms": most})
        elif kind == "error":
            self._tell({"kind": "error", "error": OutliveError("error", frame["message"])})

    async def _hello(self, cursor: str | None) -> None:
        socket = self._socket
        try:
            token = await _settled(self._token()) if callable(self._token) else self._token
        except Exception as error:
            return self._tell({"kind": "error", "error": error})  # no hello: the attach timer comes back to it
        if socket is None or socket is not self._socket:
            return None
        frame = {"t": "attach", "client": self.id}
        if cursor is not None:
            frame["cursor"] = cursor
        if token:
            frame["token"] = token
        return self._write(frame)

    def _write(self, frame: Frame) -> None:
        if self._socket is not None:
            self._socket.send(json.dumps(frame, ensure_ascii=False, separators=(",", ":")))
            self._unsent = self._socket.unsent

    def _note_taken(self) -> None:
        """What the network has taken since then is a sign of life: the answer to a ping waits behind it. What comes is
        seen only when a whole frame is there."""
        unsent = self._socket.unsent if self._socket is not None else 0
        if unsent < self._unsent:
            self._heard = self._now()
        self._unsent = unsent

    def _send_prompt(self, n: int, ticket: int) -> None:
        """What is stored says first that it may have been sent."""
        socket, link = self._socket, self._link

        def send(_: object = None) -> None:
            is_due = socket is self._socket and link.under_way and link.first == n and link.outbox[:1] == [ticket]
            if is_due:
                self._write({"t": "prompt", "n": n, "d": self._bodies.get(ticket)})

        pending = self._writer.pending
        if pending is None:
            send()
        else:
            pending.add_done_callback(send)

    # Time.

    def _now(self) -> float:
        """The time, in milliseconds."""
        return self._clock() * 1000

    def _arm(self, timer: str, generation: int, wait: Wait) -> None:
        """What the server says counts, but there is never more than one dial in `spacing_ms`."""
        self._disarm(timer)
        armed = self._now()
        since = None if self._dialled is None else armed - self._dialled
        least = 0.0
        if timer == "backoff" and since is not None:
            least = self._link.settings["spacing_ms"] - since
        ms = min(_LONGEST_MS, max(least, wait_ms(wait, self._random(), since)))
        loop = asyncio.get_running_loop()

        def fire() -> None:
            if timer == "backoff" and self._is_behind:
                self._overdue = fire
            else:
                self._feed({"event": "timer", "timer": timer, "generation": generation})

        def watch() -> None:
            self._note_taken()
            left = ms - (self._now() - max(armed, self._heard))
            if left <= 0:
                fire()
            else:
                self._timers[timer] = loop.call_later(left / 1000, watch)

        self._timers[timer] = loop.call_later(ms / 1000, watch if "silence" in wait else fire)

    def _disarm(self, timer: str) -> None:
        handle = self._timers.pop(timer, None)
        if handle is not None:
            handle.cancel()
        if timer == "backoff":
            self._overdue = None

    # The application.

    def _hand_over(self, update: Update, epoch: int, seq: int, *, notice: bool = False) -> None:
        """When the application is far behind the client hangs up, and dials again, at its cursor, when everything is
        applied."""
        event = {"event": "applied", "epoch": epoch, "seq": seq, "notice": notice}
        self._handed.append((update, event, self._size))
        self._bytes += self._size
        entries, size = self._backlog
        is_full = len(self._handed) > entries or self._bytes > size
        if is_full and len(self._handed) > 1 and self._socket is not None:
            self._is_behind = True
            self._tell({"kind": "behind", "entries": len(self._handed), "bytes": self._bytes})
            self._hang_up()
            self._feed({"event": "lost", "socket": self._link.socket})
        if self._applying is None:
            self._applying = self._spawn(self._apply())

    async def _apply(self) -> None:
        """One at a time. What the application cannot apply is not applied: the client stops."""
        while self._handed:
            update, applied, size = self._handed[0]
            try:
                await _settled(self._to_apply(update))
            except Exception as error:
                self._handed.clear()
                self._bytes = 0
                self._feed({"event": "stop"})
                self._flush()
                self._rewind()
                self._tell({"kind": "error", "error": error})
                break
            self._handed.popleft()
            self._bytes -= size
            self._feed(applied)
        self._applying = None
        self._is_behind = False
        dial, self._overdue = self._overdue, None
        if dial is not None:
            dial()

    def _rewind(self) -> None:
        """The next start goes on behind what was applied, not behind what was handed over."""
        socket = self._link.socket
        self._link = Link(self._link.saved(), self._settings)
        self._link.socket = socket

    def _tell(self, news: News) -> None:
        """News that moves no cursor."""
        if self._to_notify is not None:
            self._call(self._to_notify, news)

    def _call(self, listener: Callable[[dict[str, Any]], object], said: dict[str, Any]) -> None:
        try:
            listener(said)
        except Exception:  # a listener that raises must not stop the client
            _LOG.exception("a listener raised")

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.ensure_future(work)
        self._tasks.add(task)  # the loop itself keeps no task alive
        task.add_done_callback(self._tasks.discard)
        return task


connect = Client
"""A client, to be entered with `async with`, or started with `await client.start()`."""


async def _settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _outbox_of(value: dict[str, Any]) -> str:
    """As text, what is worth a write at once: all but the bodies, which go with their tickets, and the cursor."""
    link = value["link"]
    return json.dumps([value["client"], link["next"], link["tried"], link["outbox"], value["ticket"]])


def _refused(refusal: dict[str, str]) -> OutliveError:
    trigger, state, reason, rule = (refusal[name] for name in ("trigger", "state", "reason", "rule"))
    return OutliveError(reason, f"{trigger} refused in {state}: {reason} (rule {rule})", rule=rule)
