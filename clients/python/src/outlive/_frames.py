"""What a server's frame must be before the client acts on it: each field of the right type and range, as the clients in
Rust and JavaScript read it. A frame that is anything else is passed over, and so is one of a kind that this client does
not know. tests/wire/server-frames.json holds the clients together."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from ._table import TABLE

Frame = dict[str, Any]
_Is = Callable[[Any], bool]

_MOST = 2**53 - 1  # the largest place of a log, and the largest number of a prompt


def _is_text(value: Any) -> bool:
    # Half of a surrogate pair is no text.
    return isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(least: int, most: int) -> _Is:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


is_place = _is_number(0, _MOST)
is_count = _is_number(1, _MOST)
is_u32 = _is_number(0, 2**32 - 1)


def _is_log(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("0*[0-9a-f]{1,16}", value) is not None


def _is_in(words: list[str]) -> _Is:
    return lambda value: isinstance(value, str) and value in words


def _is_list(of: _Is) -> _Is:
    return lambda value: isinstance(value, list) and all(map(of, value))


def _is_range(value: Any) -> bool:
    return _is_list(is_u32)(value) and len(value) == 2



_MISSING = object()


def _or_missing(of: _Is) -> _Is:
    return lambda value: value is _MISSING or of(value)


def _has(**fields: _Is) -> _Is:
    """Whether it is an object with these fields; what else it has does not count."""

    def has(value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        return all(of(value.get(name, _MISSING)) for name, of in fields.items())

    return has


def _or_absent(of: _Is) -> _Is:
    return lambda value: value is _MISSING or value is None or of(value)


_OUTCOMES: dict[str, _Is] = {
    "resumed": _has(**{"from": is_place}),
    "gap": _has(lost_from=is_place, lost_to=is_place),
    "reset": _has(why=_is_in(TABLE["reset_reasons"])),
}


def _is_outcome(value: Any) -> bool:
    if value == "fresh":
        return True
    if not isinstance(value, dict) or len(value) != 1:
        return False
    word, content = next(iter(value.items()))
    return word in _OUTCOMES and _OUTCOMES[word](content)


_is_refusal = _has(
    what=_is_text, n=_or_absent(is_count), reason=_is_text, rule=_or_absent(_is_text),
    expected=_or_absent(is_count), message=_or_missing(_is_text),
)  # fmt: skip


def _is_refused(frame: Frame) -> bool:
    return _is_refusal(frame) and (frame["what"] != "prompt" or is_count(frame.get("n")))


_FRAMES: dict[str, _Is] = {
    "welcome": _has(
        connection=_is_text, log=_is_log, base=is_place, head=is_place, state=_is_in(TABLE["session_states"]),
        incarnation=is_u32, turn=_or_absent(is_place), queue=_is_list(is_place), asks=_is_list(is_place),
        high=_or_absent(is_count), outcome=_is_outcome, ping_ms=is_u32,
    ),
    "ev": lambda frame: cursor_of(frame.get("id")) is not None,
    "gap": _has(lost_from=is_place, lost_to=is_place),
    "accepted": _has(n=is_count, seq=is_place, again=_is_flag, incarnation=is_u32),
    "refused": _is_refused,
    "goaway": _has(retry_after_ms=_is_range),
    "error": _has(message=_is_text),
    "ping": lambda _: True,
    "pong": lambda _: True,
}  # fmt: skip


def _log_id(text: str) -> str:
    """A log's id as the server writes it."""
    return text.lstrip("0") or "0"


def cursor_of(value: Any) -> tuple[str, int] | None:
    """A cursor's log and place; none for what is no cursor."""
    if not isinstance(value, str):
        return None
    parts = re.fullmatch(r"(0*[0-9a-f]{1,16})\.([0-9]{1,4000})", value)
    if parts is None or int(parts[2]) > _MOST:
        return None
    return _log_id(parts[1]), int(parts[2])


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _number(text: str) -> int | float:
    return int(text) if len(text) < 4000 else float(text)  # Python refuses to read longer ones


def read_json(text: str) -> Any:
    """Raises a ValueError for what is no JSON."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return json.loads(text, parse_constant=_no_number, parse_int=_number)
    except RecursionError:
        raise ValueError("it is too deep") from None


def read_frame(message: object) -> Frame | None:
    """The frame in a message; none for what is no frame, or none that this client knows."""
    if not isinstance(message, str):
        return None
    try:
        frame = read_json(message)
    except ValueError:
        return None
    if not isinstance(frame, dict) or not isinstance(frame.get("t"), str):
        return None
    fits = _FRAMES.get(frame["t"])
    if fits is None or not fits(frame):
        return None
    if frame["t"] == "welcome":
        frame["log"] = _log_id(frame["log"])
    return frame


def tells_of_life(frame: Frame) -> bool:
    """Whether an entry tells of the end of a life of the session, as `closing` and `end` do."""
    return frame.get("entry") in ("closing", "end") and is_u32(frame.get("incarnation"))
