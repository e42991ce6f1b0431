"""What an application gives, checked at once: what no time would heal is an error before anything is sent. And the one
request that is no WebSocket."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from typing import Any, NoReturn

from ._machine import DEFAULTS

REQUEST_S = 30.0  # how long a request may be silent, in seconds


class OutliveError(Exception):
    """What a prompt, a command or a request failed with.

    `reason` is the server's, the table's, or one of the client's own: `closed`, `no_json`, `not_kept`, `not_readable`,
    `not_started`, `unavailable`. `rule` is the row that refused, `code` the close code, `status` the HTTP status; none
    where there is none."""

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        rule: str | None = None,
        code: int | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.rule = rule
        self.code = code
        self.status = status


def _wrong(what: str, given: object, right: str) -> NoReturn:
    raise TypeError(f"outlive: {what} is {given!r}; it should be {right}")


def check_url(url: object) -> None:
    if not isinstance(url, str) or not re.fullmatch(r"(ws|http)s?://[^/?#@\s]+(/[^?#\s]*)?", url):
        _wrong("url", url, 'where the server is, such as "wss://example.net"')


def check(
    url: object,
    session: object,
    apply: object,
    notify: object,
    storage: object,
    settings: Mapping[str, int] | None,
    backlog_entries: float,
    backlog_bytes: float,
) -> None:
    """What no time would heal is said at once."""
    check_url(url)
    if not isinstance(session, str) or not session:
        _wrong("session", session, "what create_session gave")
    if not callable(apply):
        _wrong("apply", apply, "a function that is given each update")
    if notify is not None and not callable(notify):
        _wrong("notify", notify, "a function that is given news")
    if not callable(getattr(storage, "load", None)) or not callable(getattr(storage, "save", None)):
        _wrong("storage", storage, "an object with load and save")
    for name, value in (settings or {}).items():
        if name not in DEFAULTS:
            _wrong(f"settings[{name!r}]", value, f"one of {', '.join(DEFAULTS)}")
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            _wrong(f"settings[{name!r}]", value, "a whole number of 0 or more")
    for name, most in (("backlog_entries", backlog_entries), ("backlog_bytes", backlog_bytes)):
        if isinstance(most, bool) or not isinstance(most, (int, float)) or not most > 0:
            _wrong(name, most, "a number above 0, or math.inf")


def body_of(value: Any) -> Any:
    """A body as it is sent, and as it stays whatever happens to the original."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()  # half of a surrogate pair is no text
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise OutliveError("no_json", f"the body has no JSON: {error}") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token is shown to the server that was named, and to no other."""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> None:
        return None


def _body(response: HTTPResponse | urllib.error.HTTPError) -> bytes:
    try:
        return response.read()
    except (OSError, HTTPException):
        return b""  # it broke off; the status is known


async def create_session(url: str, *, token: str | None = None) -> str:
    """Asks the server for a new session; returns its id.

    Raises an `OutliveError` with what the server says, and its HTTP status: `unavailable` if it is not reached, or says
    nothing that is known."""
    check_url(url)
    base = re.sub("^ws", "http", url).rstrip("/")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{base}/sessions", data=b"", method="POST", headers=headers)
    opener = urllib.request.build_opener(_NoRedirect)

    def ask() -> tuple[int, bytes]:
        try:
            with opener.open(request, timeout=REQUEST_S) as response:
                return response.status, _body(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _body(error)

    try:
        status, body = await asyncio.to_thread(ask)
    except (OSError, ValueError, HTTPException) as error:
        raise OutliveError("unavailable", f"no session: {base} was not reached: {error}") from error
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None  # not every proxy speaks JSON
    if not isinstance(said, dict):
        said = {}
    session, reason, message = (said.get(name) for name in ("session", "error", "message"))
    if status < 300 and isinstance(session, str):
        return session
    if not isinstance(message, str):
        message = f"{base} is no server of sessions" if status < 300 else f"HTTP {status}"
    raise OutliveError(reason if isinstance(reason, str) else "unavailable", f"no session: {message}", status=status)
