"""One client's link to one session, as the table in table.json says. It opens nothing and reads no clock: events go in,
effects come out. The same machine in Rust is src/client; clients/js/vectors.json holds the two together, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ._frames import cursor_of
from ._table import TABLE

Event = dict[str, Any]
Effect = dict[str, Any]
Wait = Mapping[str, Mapping[str, int]]

DEFAULTS: Mapping[str, int] = TABLE["settings"]

_ROWS: dict[str, dict[str, Any]] = {row["id"]: row for row in TABLE["rows"]}
_CLOSES: dict[str, int] = {close["name"]: close["number"] for close in TABLE["closes"]}
_STATUSES: dict[int, int] = {close["http_status"]: close["number"] for close in TABLE["closes"] if close["http_status"]}
_FOR_NOW = {why["name"] for why in TABLE["refusals"] if why["for_now"]}
_TIMERS = ("backoff", "attach", "watchdog", "stable")


def is_for_now(reason: str) -> bool:
    """Whether what the server refused for this reason may be taken later: the prompt stays in the outbox."""
    return reason in _FOR_NOW


def close_of_status(status: int) -> int | None:
    """The close code that says what this HTTP status says; none if it says no more than that it failed."""
    return _STATUSES.get(status)


def close_rule(code: int) -> tuple[str, bool]:
    """What a client does after a close, whether or not it knows the code (docs/generated/close-codes.md), and whether the
    code says that the server leaves, or is not reached by its proxy, or is overloaded. What is no code counts as 0."""
    rules = TABLE["close_rules"]
    found = next((one for one in rules if one["from"] <= code <= one["to"]), rules[0])
    return found["rule"], found["leaving"]


def wait_ms(wait: Wait, random: float, since_dial_ms: float | None) -> float:
    """How long to wait, in milliseconds; `random` is at least 0 and below 1."""
    if "between" in wait:
        least, most = wait["between"]["least_ms"], wait["between"]["most_ms"]
        return least + int(random * (max(0, most - least) + 1))
    if "since" in wait:
        return 0 if since_dial_ms is None else max(0, wait["since"]["ms"] - since_dial_ms)
    return (wait.get("for") or wait["silence"])["ms"]


@dataclass
class _Reading:
    log: str
    delivered: int
    applied: int
    anew: bool


@dataclass
class Step:
    """What an event came to: the rows that were taken, and what to do, in order."""

    trigger: str
    rules: list[str] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    refusal: dict[str, str] | None = None


def _outcome_of(welcome: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The word and the content of an outcome: "fresh", or {"gap": {…}}."""
    outcome = welcome["outcome"]
    return (outcome, {}) if isinstance(outcome, str) else next(iter(outcome.items()))


def _lost(event: Event) -> Mapping[str, Any]:
    """What an event declares as lost."""
    return event if event["event"] == "gap" else _outcome_of(event["welcome"])[1]


class Link:
    """The state of a link; `step` is all that changes it."""

    def __init__(self, saved: Mapping[str, Any] | None = None, settings: Mapping[str, int] | None = None) -> None:
        saved = saved or {}
        self.settings: dict[str, int] = {**DEFAULTS, **(settings or {})}
        self.state: str = TABLE["initial"]
        self.socket = 0
        self.hidden = False
        self.attempts = self.failed_attaches = self.silences = 0
        self.leaving = False
        self.retry: tuple[int, int] | None = None
        self.ping_ms: int | None = None
        self.armed: dict[str, int] = {}
        self.generation = 0
        self.epoch = 0
        self.head = 0
        self.taken = False
        self.cursor: str | None = saved.get("cursor")
        self.reading: _Reading | None = None
        at = cursor_of(self.cursor)
        if at is not None:
            self.reading = _Reading(at[0], at[1], at[1], False)
        self.first: int = saved.get("next") or 1
        self.outbox: list[int] = list(saved.get("outbox") or [])
        self.tried = bool(saved.get("tried")) and bool(self.outbox)
        self.under_way = False

    def saved(self) -> dict[str, Any]:
        """What must outlive the process, as one value."""
        return {"cursor": self.cursor, "next": self.first, "tried": self.tried, "outbox": list(self.outbox)}

    def delivered(self) -> str | None:
        """What was handed over: where the next hello goes on."""
        return f"{self.reading.log}.{self.reading.delivered}" if self.reading else None

    def silence_ms(self) -> int:
        ping = self.settings["ping_ms"] if self.ping_ms is None else self.ping_ms
        return self.patience(ping * 5 // 2)

    def patience(self, ms: int) -> int:
        """How long a silence may last that was to be so long: twice as long after each that ended a connection."""
        return min(ms << self.silences, max(ms, self.settings["patience_ms"]))

    def step(self, event: Event) -> Step:
        """Takes one event."""
        trigger = self._classify(event)
        before = self.state
        out = Step(trigger)
        if event["event"] == "timer" and trigger != "STALE_TIMER":
            del self.armed[event["timer"]]
        due: str | None = trigger
        while due is not None and len(out.rules) < 4:
            row = _ROWS[TABLE["index"][self.state][due]]
            out.rules.append(row["id"])
            if row["verdict"] == "refuse":
                out.refusal = {"trigger": trigger, "state": before, "reason": row["reason"], "rule": row["id"]}
            if row["verdict"] in ("ignore", "refuse"):
                break
            self.taken = False
            for call in row["ops"]:
                op = _OPS.get(call["op"])
                if op is None:
                    raise NotImplementedError(f"the table has an op that this machine has not: {call['op']}")
                op(self, event, out.effects)
            if row["verdict"] == "go":
                self.state = row["to"]
            due = self._due()
        return out

    def _due(self) -> str | None:
        """The follow-up that is due, if one is."""
        if self.state == "BACKING_OFF" and self.failed_attaches >= self.settings["failed_attaches"]:
            return "STRUCK_OUT"
        rests = self.hidden and not self.outbox
        if self.state == "BACKING_OFF" and rests:
            return "SLEEP"
        if self.state in ("REPLAYING", "LIVE") and rests:
            return "SUSPEND"
        read = self.reading is not None and not self.reading.anew and self.reading.applied >= self.head
        return "CAUGHT_UP" if self.state == "REPLAYING" and read else None

    def _classify(self, event: Event) -> str:
        """Which column an event is. Data becomes a column here and nowhere else."""
        kind: str = event["event"]
        at = self.reading
        has_socket = self.state not in ("STOPPED", "DORMANT", "BACKING_OFF")
        if "socket" in event and (not has_socket or event["socket"] != self.socket):
            return "STALE_SOCKET"
        if kind == "show":
            welcomed = self.state in ("REPLAYING", "LIVE", "HIDDEN")
            return "SHOW_SILENT" if welcomed and event["silent_ms"] > self.silence_ms() else "SHOW"
        if kind == "prompt":
            return "PROMPT_FULL" if len(self.outbox) >= self.settings["outbox"] else "PROMPT"
        if kind == "applied":
            return self._classify_applied(event)
        if kind == "timer":
            timer = event["timer"]
            if self.armed.get(timer) != event["generation"]:
                return "STALE_TIMER"
            if timer == "attach" and self.leaving:
                return "ATTACH_TIMEOUT_LEAVING"
            ends = {"backoff": "BACKOFF_OVER", "attach": "ATTACH_TIMEOUT", "watchdog": "SILENT", "stable": "STABLE"}
            return ends[timer]
        if kind == "welcome":
            return self._classify_welcome(event["welcome"])
        if kind == "entry":
            if at is None or at.log != event["log"] or event["seq"] > at.delivered + 1:
                return "HOLE"
            return "ENTRY" if event["seq"] == at.delivered + 1 else "ENTRY_AGAIN"
        if kind == "gap":
            if at is not None and event["lost_to"] <= at.delivered:
                return "ENTRY_AGAIN"
            return "GAP" if at is not None and event["lost_from"] == at.delivered + 1 else "HOLE"
        if kind in ("accepted", "refused"):
            if not self.under_way or event["n"] != self.first:
                return "REPLY_STALE"
            return "REFUSED_FOR_NOW" if event.get("for_now") else kind.upper()
        if kind == "closed":
            return self._classify_close(event["code"])
        if kind == "lost":
            return "LOST_LEAVING" if self.leaving else "LOST"
        return kind.upper()  # start, stop, hide, online, command, opened, pong, goaway

    def _classify_applied(self, event: Event) -> str:
        at = self.reading
        if at is None or event["epoch"] != self.epoch:
            return "STALE_APPLIED"
        if event["notice"]:
            return "APPLIED_NOTICE" if at.anew and event["seq"] == at.applied else "STALE_APPLIED"
        is_next = not at.anew and at.applied < event["seq"] <= at.delivered
        return "APPLIED" if is_next else "STALE_APPLIED"

    def _classify_close(self, code: int) -> str:
        if code == _CLOSES["too_big"] and self.under_way:
            return "CLOSED_TOO_BIG"
        rule, leaving = close_rule(code)
        if rule in ("stop", "pause"):
            return f"CLOSED_{rule.upper()}"
        if rule == "now" and self.attempts == 0:
            return "CLOSED_NOW"
        if rule == "fresh" and self.attempts <= 1:
            return "CLOSED_FRESH"
        return "LOST_LEAVING" if self.leaving or leaving else "CLOSED_BACK_OFF"

    def _classify_welcome(self, welcome: Mapping[str, Any]) -> str:
        """Whether the welcome fits what the hello said."""
        at, head = self.reading, welcome["head"]
        word, content = _outcome_of(welcome)
        if welcome["base"] > head:
            return "WELCOME_WRONG"
        if word == "fresh":
            return "WELCOME_FRESH"
        if word == "reset":
            return "WELCOME_RESET"
        if at is None or at.log != welcome["log"] or at.delivered > head:
            return "WELCOME_WRONG"
        if word == "resumed" and content["from"] == at.delivered + 1:
            return "WELCOME_RESUMED"
        if word == "gap" and content["lost_from"] == at.delivered + 1 and content["lost_from"] <= content["lost_to"] <= head:
            return "WELCOME_GAP"
        return "WELCOME_WRONG"

    # What the ops have in common.

    def _at(self) -> _Reading:
        assert self.reading is not None, "the table lets no entry through before a welcome"
        return self.reading

    def _arm(self, timer: str, wait: Wait, effects: list[Effect]) -> None:
        self.generation += 1
        self.armed[timer] = self.generation
        effects.append({"effect": "arm", "timer": timer, "generation": self.generation, "wait": wait})

    def _disarm(self, timer: str, effects: list[Effect]) -> None:
        if self.armed.pop(timer, None) is not None:
            effects.append({"effect": "disarm", "timer": timer})

    def _backoff(self, event: Event) -> Wait:
        first, step, longest = (self.settings[name] for name in ("first_ms", "step_ms", "most_ms"))
        most = first if self.attempts == 0 else min(longest, step << min(self.attempts, 16))
        # A server that welcomes and takes no prompt is not dialled at once.
        least = self.settings["spacing_ms"] if event["event"] == "refused" else event.get("after_ms")
        if least is not None:
            return {"between": {"least_ms": least, "most_ms": least + most}}
        if event.get("code") == _CLOSES["overloaded"]:
            more = TABLE["overloaded_ms"]
            return {"between": {"least_ms": more, "most_ms": most + more}}
        least, most = TABLE["leaving_ms"] if self.leaving else (0, most)
        return {"between": {"least_ms": least, "most_ms": most}}

    def _shift(self) -> int | None:
        """The first prompt has its answer."""
        self.tried = self.under_way = False
        return self.outbox.pop(0) if self.outbox else None

    def _fail(self, effects: list[Effect]) -> bool:
        ticket = self._shift()
        if ticket is not None:
            effects.append({"effect": "tell_failed", "ticket": ticket})
        return ticket is not None


# What each op does to a link, and what its driver is to do about it.

_Op = Callable[[Link, Event, list[Effect]], None]
_OPS: dict[str, _Op] = {}


def _op(perform: _Op) -> _Op:
    _OPS[perform.__name__] = perform
    return perform


def _only(effect: str) -> _Op:
    """An op that is all its driver's."""
    return lambda link, event, effects: effects.append({"effect": effect})


for _name in ("save", "send_resume", "send_command", "tell_caught_up", "tell_closed"):
    _OPS[_name] = _only(_name)
_OPS["detach"] = _only("send_detach")


@_op
def note_hidden(link: Link, event: Event, effects: list[Effect]) -> None:
    link.hidden = True


@_op
def note_shown(link: Link, event: Event, effects: list[Effect]) -> None:
    link.hidden = False


@_op
def disarm_all(link: Link, event: Event, effects: list[Effect]) -> None:
    for timer in _TIMERS:
        link._disarm(timer, effects)


@_op
def disarm_attach(link: Link, event: Event, effects: list[Effect]) -> None:
    link._disarm("attach", effects)


@_op
def hang_up(link: Link, event: Event, effects: list[Effect]) -> None:
    link.under_way = False
    effects.append({"effect": "hang_up", "socket": link.socket})


@_op
def release(link: Link, event: Event, effects: list[Effect]) -> None:
    link.under_way = False


@_op
def strike(link: Link, event: Event, effects: list[Effect]) -> None:
    link.failed_attaches = min(255, link.failed_attaches + 1)


@_op
def clear_strikes(link: Link, event: Event, effects: list[Effect]) -> None:
    link.failed_attaches = 0


@_op
def reset_attempts(link: Link, event: Event, effects: list[Effect]) -> None:
    link.attempts = 0


@_op
def count_silence(link: Link, event: Event, effects: list[Effect]) -> None:
    link.silences = min(255, link.silences + 1)


@_op
def clear_silences(link: Link, event: Event, effects: list[Effect]) -> None:
    if link.silences == 0 or link.under_way:
        return
    link.silences = 0
    link._arm("watchdog", {"silence": {"ms": link.silence_ms()}}, effects)


@_op
def excuse(link: Link, event: Event, effects: list[Effect]) -> None:
    link.leaving = True
    link.attempts = max(0, link.attempts - 1)


@_op
def keep_retry(link: Link, event: Event, effects: list[Effect]) -> None:
    link.retry = (event["least_ms"], event["most_ms"])
    link.leaving = True


@_op
def renumber(link: Link, event: Event, effects: list[Effect]) -> None:
    following = (event["welcome"].get("high") or 0) + 1
    # Only the server knows which prompt was accepted with the number of one that may have been sent.
    if not link.tried or link.first > following:
        link.first = following


@_op
def accept(link: Link, event: Event, effects: list[Effect]) -> None:
    n = link.first
    ticket = link._shift()
    if ticket is None:
        return
    link.first = n + 1
    effects.append({"effect": "tell_accepted", "ticket": ticket, "n": n, "seq": event["seq"]})


@_op
def reject(link: Link, event: Event, effects: list[Effect]) -> None:
    link._fail(effects)
    if event["event"] == "refused" and event.get("expected") is not None:
        link.first = event["expected"]


@_op
def fail_all(link: Link, event: Event, effects: list[Effect]) -> None:
    while link._fail(effects):
        pass


@_op
def queue(link: Link, event: Event, effects: list[Effect]) -> None:
    link.outbox.append(event["ticket"])


@_op
def forget_cursor(link: Link, event: Event, effects: list[Effect]) -> None:
    link.reading = link.cursor = None
    link.epoch += 1


@_op
def rebase(link: Link, event: Event, effects: list[Effect]) -> None:
    log, base = event["welcome"]["log"], event["welcome"]["base"]
    link.reading = _Reading(log, base, base, True)
    link.epoch += 1


@_op
def skip_gap(link: Link, event: Event, effects: list[Effect]) -> None:
    link._at().delivered = _lost(event)["lost_to"]


@_op
def set_target(link: Link, event: Event, effects: list[Effect]) -> None:
    link.head = event["welcome"]["head"]
    link.ping_ms = event["welcome"]["ping_ms"]
    link.leaving = False


@_op
def advance(link: Link, event: Event, effects: list[Effect]) -> None:
    at = link._at()
    at.applied, at.anew = event["seq"], False
    link.cursor = f"{at.log}.{event['seq']}"


@_op
def take_next(link: Link, event: Event, effects: list[Effect]) -> None:
    link.taken = not link.under_way and bool(link.outbox)
    if link.taken:
        link.under_way = link.tried = True


@_op
def arm_backoff(link: Link, event: Event, effects: list[Effect]) -> None:
    asked, link.retry = link.retry, None
    # The latest word of the server counts.
    if asked is not None and event.get("after_ms") is None:
        link._arm("backoff", {"between": {"least_ms": asked[0], "most_ms": asked[1]}}, effects)
    else:
        link._arm("backoff", link._backoff(event), effects)


@_op
def arm_now(link: Link, event: Event, effects: list[Effect]) -> None:
    link.retry = None
    link._arm("backoff", {"since": {"ms": link.settings["spacing_ms"]}}, effects)


@_op
def dial(link: Link, event: Event, effects: list[Effect]) -> None:
    link.socket += 1
    link.attempts = min(255, link.attempts + 1)
    effects.append({"effect": "dial", "socket": link.socket})


@_op
def arm_attach(link: Link, event: Event, effects: list[Effect]) -> None:
    link._arm("attach", {"for": {"ms": link.settings["attach_ms"]}}, effects)


@_op
def arm_stable(link: Link, event: Event, effects: list[Effect]) -> None:
    link._arm("stable", {"for": {"ms": link.settings["stable_ms"]}}, effects)


@_op
def watch(link: Link, event: Event, effects: list[Effect]) -> None:
    link._arm("watchdog", {"silence": {"ms": link.silence_ms()}}, effects)


@_op
def probe(link: Link, event: Event, effects: list[Effect]) -> None:
    link._arm("watchdog", {"silence": {"ms": link.patience(link.settings["probe_ms"])}}, effects)
    effects.append({"effect": "send_ping"})


@_op
def hello(link: Link, event: Event, effects: list[Effect]) -> None:
    effects.append({"effect": "hello", "cursor": link.delivered()})


@_op
def send_suspend(link: Link, event: Event, effects: list[Effect]) -> None:
    effects.append({"effect": "send_suspend", "seen": link.reading.applied if link.reading else 0})


@_op
def send_prompt(link: Link, event: Event, effects: list[Effect]) -> None:
    if link.taken:
        effects.append({"effect": "send_prompt", "n": link.first, "ticket": link.outbox[0]})


@_op
def tell_welcome(link: Link, event: Event, effects: list[Effect]) -> None:
    word, _ = _outcome_of(event["welcome"])
    if word in ("fresh", "reset"):
        effects.append({"effect": "begin_anew", "epoch": link.epoch, "seq": link._at().applied})
    effects.append({"effect": "welcomed"})


@_op
def deliver(link: Link, event: Event, effects: list[Effect]) -> None:
    link._at().delivered = event["seq"]
    effects.append({"effect": "deliver", "epoch": link.epoch, "seq": event["seq"]})


@_op
def tell_gap(link: Link, event: Event, effects: list[Effect]) -> None:
    lost = _lost(event)
    effects.append({"effect": "deliver_gap", "epoch": link.epoch, "lost_from": lost["lost_from"], "lost_to": lost["lost_to"]})
