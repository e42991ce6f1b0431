"""The driver, over sockets to play with."""

from __future__ import annotations

import asyncio
import json
import math
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import outlive
from outlive import FileStorage, MemoryStorage, OutliveError, connect

from fakes import NO_WAIT, FakeSocket, accepted, attached, entry, playing, turns, until

ROOT = Path(__file__).resolve().parents[3]
URL = "wss://example.net/under"


def client_of(**more: Any) -> outlive.Client:
    options: dict[str, Any] = {"apply": lambda update: None, "client": "c_1", "settings": NO_WAIT, **more}
    return connect(URL, "s/1", **options)


class Slow:
    """A storage that takes a value when it is let."""

    def __init__(self) -> None:
        self.value: Any = None
        self.saves: list[tuple[str, asyncio.Future[None]]] = []  # those under way

    async def load(self) -> Any:
        await asyncio.sleep(0)
        return self.value

    async def save(self, value: Any) -> None:
        text, done = json.dumps(value), asyncio.get_running_loop().create_future()
        self.saves.append((text, done))
        await done
        self.value = json.loads(text)

    async def one(self, error: Exception | None = None) -> None:
        """Takes, or does not take, the value that is under way."""
        await until(lambda: self.saves)
        assert len(self.saves) == 1, "one call at a time"
        _, done = self.saves.pop()
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
        await turns()

    async def all(self) -> None:
        while self.saves:
            await self.one()


class Driver(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        patch = playing()
        patch.start()
        self.addCleanup(patch.stop)

    async def fails(self, awaitable: Any, reason: str) -> OutliveError:
        with self.assertRaises(OutliveError) as raised:
            await asyncio.wait_for(awaitable, 60)  # a guard
        self.assertEqual(raised.exception.reason, reason)
        return raised.exception

    async def test_what_it_says_and_hears_is_the_protocol(self) -> None:
        shown: list[Any] = []
        news: list[str] = []

        async def apply(update: Any) -> None:
            await asyncio.sleep(0)
            shown.append(update.get("seq", update["kind"]))

        async def token() -> str:
            return "secret"

        client = client_of(apply=apply, token=token, notify=lambda said: news.append(said["kind"]))
        async with client:
            one = await attached(client, head=2)
            self.assertEqual(one.address, "wss://example.net/under/sessions/s%2F1/ws")
            self.assertEqual(one.sent, [{"t": "attach", "client": "c_1", "token": "secret"}])
            prompt = asyncio.ensure_future(client.prompt({"text": "hé"}))
            await turns()
            self.assertEqual(one.sent[-1], {"t": "prompt", "n": 1, "d": {"text": "hé"}})
            one.tell(**entry(1))
            one.tell(**entry(2))
            await turns()
            self.assertEqual((shown, client.state, client.cursor), (["anew", 1, 2], "LIVE", "9f3a.2"))
            one.over(None)
            one.tell(**entry(3))  # an old socket is not heard
            two = await attached(client, head=3, high=1, outcome={"resumed": {"from": 3}})
            self.assertEqual(two.sent[0]["cursor"], "9f3a.2")
            self.assertEqual(two.sent[1:], [one.sent[-1]], "the prompt goes again under its number")
            two.tell(**accepted(1, 2))
            self.assertEqual(await prompt, outlive.Accepted(1, 2))
            two.tell(**entry(3))
            await turns()
            self.assertEqual(shown, ["anew", 1, 2, 3])
            client.interrupt(2)
            client.answer(3, None)
            client.stop_session()
            two.tell(t="ping")
            said = [{"t": "interrupt", "turn": 2}, {"t": "answer", "ask": 3, "d": None}]
            self.assertEqual(two.sent[2:], [*said, {"t": "stop", "incarnation": 1}, {"t": "pong"}])
        self.assertEqual((two.sent[-1], two.is_closed, client.state), ({"t": "detach"}, True, "STOPPED"))
        self.assertIn("caught_up", news)
        await self.fails(client.prompt("x"), "not_started")
        with self.assertRaises(OutliveError):
            client.interrupt(1)

    async def test_a_malformed_frame_is_passed_over_whatever_its_state(self) -> None:
        corpus = json.loads((ROOT / "tests/wire/server-frames.json").read_text("utf-8"))
        fed: list[str] = []
        async with client_of(trace=lambda taken: fed.append(taken["event"]["event"])) as client:
            await until(lambda: client.state == "CONNECTING")
            socket = FakeSocket.all[-1]
            socket.owner.on_open(socket)
            await until(lambda: socket.sent)

            def tell_malformed() -> None:
                fed.clear()
                for case in corpus["malformed"]:
                    socket.sent.clear()
                    socket.hear(case["text"])
                    socket.tell(t="ping")
                    self.assertEqual((fed, socket.sent), ([], [{"t": "pong"}]), case)
                for text in (b'{"t":"pong"}', '{"t":"pong","x":NaN}', "[" * 100_000):
                    socket.hear(text)
                self.assertEqual(fed, [])

            tell_malformed()
            socket.hear(corpus["welcomes"][0]["text"])
            self.assertIn("welcome", fed)
            prompt = asyncio.ensure_future(client.prompt("one"))
            await turns()
            tell_malformed()
            socket.tell(**accepted(1, 1))
            self.assertEqual(await prompt, (1, 1))

    async def test_each_welcome_and_each_entry_of_the_corpus_is_taken(self) -> None:
        corpus = json.loads((ROOT / "tests/wire/server-frames.json").read_text("utf-8"))
        for case in corpus["welcomes"]:
            async with client_of() as client:
                await until(lambda: client.state == "CONNECTING")
                socket = FakeSocket.all[-1]
                socket.owner.on_open(socket)
                await until(lambda: socket.sent)
                socket.hear(case["text"])
                self.assertIsNotNone(client.welcome, case)
        shown: list[Any] = []
        async with client_of(apply=shown.append) as client:
            socket = await attached(client)
            for at, case in enumerate(corpus["entries"], 1):
                socket.hear(case["text"])
                self.assertEqual(client.incarnation, case["incarnation"], case)
                await turns()
                self.assertEqual(shown[-1]["seq"], at)

    async def test_it_waits_for_an_asynchronous_storage_before_a_prompt_is_taken_and_before_it_is_sent(self) -> None:
        storage = Slow()
        client = client_of(storage=storage)
        await client.start()
        socket = await attached(client)
        await storage.all()
        prompt = asyncio.ensure_future(client.prompt("one"))
        other = asyncio.ensure_future(client.prompt("two"))
        await turns()
        self.assertEqual((client.waiting, len(socket.sent)), ([], 1), "neither taken nor sent")
        await storage.one()
        self.assertEqual([waits.body for waits in client.waiting][:1], ["one"])
        self.assertEqual(storage.value["bodies"]["1"], "one")
        self.assertEqual(len(socket.sent), 1, "not sent before it is stored that it may have been")
        await storage.all()
        self.assertTrue(storage.value["link"]["tried"])
        self.assertEqual(socket.sent[1:], [{"t": "prompt", "n": 1, "d": "one"}])
        for n in (1, 2):
            socket.tell(**accepted(n, n))
            await turns()
            await storage.all()
        self.assertEqual((await prompt, await other), ((1, 1), (2, 2)))
        failing = asyncio.ensure_future(client.prompt("three"))
        await storage.one(OSError("full"))
        await self.fails(failing, "not_kept")
        self.assertEqual((client.waiting, len(socket.sent)), ([], 3))
        stopping = asyncio.ensure_future(client.stop())
        await turns()
        await storage.all()
        await stopping
        self.assertEqual((storage.value["bodies"], storage.value["link"]["outbox"]), ({}, []))

    async def test_a_caller_that_is_cancelled_leaves_the_prompt_on_its_way(self) -> None:
        storage = Slow()
        client = client_of(storage=storage)
        await client.start()
        await storage.all()
        prompt = asyncio.ensure_future(client.prompt("one"))
        await turns()
        prompt.cancel()
        await turns()
        await storage.all()
        self.assertEqual([waits.body for waits in client.waiting], ["one"])
        stopping = asyncio.ensure_future(client.stop())
        await turns()
        await storage.all()
        await stopping

    async def test_what_waits_when_the_process_dies_is_sent_by_the_next_one(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            storage = FileStorage(Path(folder, "client.json"))
            dying = client_of(storage=storage, client=None)
            await dying.start()
            prompt = asyncio.ensure_future(dying.prompt("keep me"))
            await until(lambda: dying.waiting)
            name = dying.id
            prompt.cancel()  # whoever asked is gone; the prompt is not
            async with client_of(storage=storage, client=None) as following:
                self.assertEqual(following.id, name)
                socket = await attached(following, high=1)
                await until(lambda: len(socket.sent) == 2)
                self.assertEqual(socket.sent[1], {"t": "prompt", "n": 2, "d": "keep me"})
            await dying.stop()

    async def test_a_stored_value_of_another_shape_is_dropped_and_told(self) -> None:
        for value in ("x", {}, {"client": "c_1", "link": {"outbox": [1]}, "bodies": {}, "ticket": 2}):
            storage = MemoryStorage()
            storage.save(value)
            news: list[Any] = []
            with self.assertLogs("outlive", "WARNING"):
                async with client_of(storage=storage, notify=news.append) as client:
                    self.assertEqual(client.waiting, [])
            self.assertEqual(news[0]["error"].reason, "not_readable")

    async def test_a_body_without_json_is_refused_at_once(self) -> None:
        cycle: list[Any] = []
        cycle.append(cycle)
        async with client_of() as client:
            for body in (object(), math.nan, cycle, {1, 2}, "\ud800"):
                await self.fails(client.prompt(body), "no_json")
            self.assertEqual(client.waiting, [])

    async def test_a_refusal_is_for_the_one_who_prompted_and_one_for_now_is_nobodys(self) -> None:
        async with client_of() as client:
            socket = await attached(client)
            prompt = asyncio.ensure_future(client.prompt("one"))
            await turns()
            socket.tell(t="refused", what="prompt", n=1, reason="queue_full", rule="P5", message="no")
            self.assertEqual((await self.fails(prompt, "queue_full")).rule, "P5")
            prompt = asyncio.ensure_future(client.prompt("two"))
            await turns()
            socket.tell(t="refused", what="prompt", n=1, reason="draining", message="not now")
            self.assertTrue(socket.is_closed)
            socket = await attached(client, outcome={"resumed": {"from": 1}})
            await until(lambda: len(socket.sent) == 2)
            socket.tell(**accepted(1, 1))
            self.assertEqual(await prompt, (1, 1))

    async def test_sent_away_what_waits_fails_and_with_a_pause_it_is_kept(self) -> None:
        for code, fails in ((4003, True), (4001, False), (4010, False)):
            news: list[Any] = []
            async with client_of(notify=news.append) as client:
                socket = await attached(client)
                socket.over(None)
                prompt = asyncio.ensure_future(client.prompt("typed"))
                await until(lambda: client.state == "CONNECTING")
                FakeSocket.all[-1].over(code)
                self.assertEqual((client.state, len(client.waiting)), ("STOPPED", 0 if fails else 1))
                self.assertIn(code, [said.get("code") for said in news if said["kind"] == "closed"])
                if fails:
                    self.assertEqual((await self.fails(prompt, "closed")).code, code)
                    continue
                await client.start()
                socket = await attached(client, outcome={"resumed": {"from": 1}})
                await until(lambda: len(socket.sent) == 2)
                socket.tell(**accepted(1, 1))
                await prompt

    async def test_what_cannot_be_applied_stops_it_and_a_start_goes_on_behind_what_was(self) -> None:
        news: list[Any] = []
        shown: list[Any] = []
        broken = ValueError("broken")

        def apply(update: Any) -> None:
            if update.get("seq") == 2 and broken not in shown:
                shown.append(broken)
                raise broken
            shown.append(update.get("seq"))

        async with client_of(apply=apply, notify=news.append) as client:
            socket = await attached(client, head=3)
            for seq in (1, 2, 3):
                socket.tell(**entry(seq))
            await turns()
            self.assertEqual((client.state, news[-1]), ("STOPPED", {"kind": "error", "error": broken}))
            await client.start()
            socket = await attached(client, head=3, outcome={"resumed": {"from": 2}})
            self.assertEqual(socket.sent[0]["cursor"], "9f3a.1")
            socket.tell(**entry(2))
            await turns()
            self.assertEqual(shown, [None, 1, broken, 2])

    async def test_an_application_that_is_far_behind_is_hung_up_for_and_misses_nothing(self) -> None:
        news: list[Any] = []
        shown: list[int] = []
        gate = asyncio.Event()

        async def apply(update: Any) -> None:
            await gate.wait()
            shown.append(update.get("seq", 0))

        async with client_of(apply=apply, notify=news.append, backlog_entries=3) as client:
            socket = await attached(client, head=5)
            for seq in range(1, 6):
                socket.tell(**entry(seq))
            self.assertTrue(socket.is_closed)
            self.assertIn({"kind": "behind", "entries": 4}, [{k: said.get(k) for k in ("kind", "entries")} for said in news])
            dialled = len(FakeSocket.all)
            await turns()
            self.assertEqual(len(FakeSocket.all), dialled, "not before everything is applied")
            gate.set()
            socket = await attached(client, head=5, outcome={"resumed": {"from": 4}})
            self.assertEqual(socket.sent[0]["cursor"], "9f3a.3")
            for seq in (4, 5):
                socket.tell(**entry(seq))
            await turns()
            self.assertEqual(shown, [0, 1, 2, 3, 4, 5])

    async def test_a_wait_that_no_timer_can_hold_is_clamped(self) -> None:
        async with client_of() as client:
            socket = await attached(client)
            armed: list[float] = []
            loop = asyncio.get_running_loop()
            later = loop.call_later

            def call_later(seconds: float, *more: Any, **options: Any) -> Any:
                armed.append(seconds)
                return later(seconds, *more, **options)

            with mock.patch.object(loop, "call_later", call_later):
                socket.tell(t="goaway", retry_after_ms=[2**32 - 1, 2**32 - 1])
                socket.over(1012)
            self.assertEqual(max(armed), (2**31 - 1) / 1000)

    async def test_options_that_can_never_work_are_an_error_that_names_what_would(self) -> None:
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"apply": None}, "apply is None; it should be"),
            ({"notify": 5}, "notify is 5"),
            ({"storage": {}}, "storage is {}"),
            ({"settings": {"first": 1}}, "one of outbox"),
            ({"settings": {"first_ms": -1}}, "whole number"),
            ({"backlog_bytes": math.nan}, "backlog_bytes is nan"),
        ]
        for options, message in wrong:
            with self.assertRaisesRegex(TypeError, message.replace("{}", r"\{\}")):
                client_of(**options)
        for url in ("", "example.net", "wss://", "wss://a?b", "ftp://a", None):
            with self.assertRaisesRegex(TypeError, "url is"):
                connect(url, "s", apply=print)  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "session is ''"):
            connect(URL, "", apply=print)


if __name__ == "__main__":
    unittest.main()
