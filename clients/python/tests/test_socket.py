"""Real sockets, on this machine."""

from __future__ import annotations

import asyncio
import unittest
from http import HTTPStatus
from typing import Any
from unittest import mock

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from outlive import OutliveError, _socket, create_session
from outlive._machine import close_of_status
from outlive._socket import Socket


class Told:
    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.messages: list[Any] = []
        self.over: asyncio.Future[tuple[int | None, str, int | None]] = asyncio.get_running_loop().create_future()

    def on_open(self, socket: Socket) -> None:
        self.is_open.set()

    def on_message(self, socket: Socket, message: str | bytes) -> None:
        self.messages.append(message)

    def on_over(self, socket: Socket, code: int | None, reason: str, after_ms: int | None) -> None:
        self.over.set_result((code, reason, after_ms))


def address(server: Any) -> str:
    return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


class Sockets(unittest.IsolatedAsyncioTestCase):
    async def test_what_was_sent_goes_out_before_a_close(self) -> None:
        heard: asyncio.Future[tuple[list[Any], int | None]] = asyncio.get_running_loop().create_future()

        async def hear(peer: ServerConnection) -> None:
            messages = [message async for message in peer]
            heard.set_result((messages, peer.protocol.close_code))

        async with serve(hear, "127.0.0.1", 0) as server:
            told = Told()
            socket = Socket(address(server), told, close_of_status)
            await told.is_open.wait()
            for n in range(3):
                socket.send(str(n))
            socket.close()
            self.assertEqual(await heard, (["0", "1", "2"], 1000))
            await socket.closed()
            self.assertFalse(told.over.done(), "its owner closed it")

    async def test_a_peer_that_takes_nothing_does_not_keep_it(self) -> None:
        leave = asyncio.Event()

        async def deaf(peer: ServerConnection) -> None:
            await leave.wait()

        with mock.patch.object(_socket, "CLOSE_S", 0.05):
            async with serve(deaf, "127.0.0.1", 0, close_timeout=0) as server:
                told = Told()
                socket = Socket(address(server), told, close_of_status)
                await told.is_open.wait()
                for _ in range(100):
                    socket.send("x" * 1_000_000)
                socket.close()
                await asyncio.wait([socket.done], timeout=60)  # a guard
                leave.set()
                self.assertTrue(socket.done.cancelled())

    async def test_a_refused_upgrade_is_the_close_that_says_the_same(self) -> None:
        answers = {
            401: (4001, "HTTP 401: not you", None),
            503: (1013, "HTTP 503", 7000),
            404: (4004, "HTTP 404", None),
            302: (None, "HTTP 302", None),
            500: (None, "HTTP 500", None),
        }
        for status, expected in answers.items():
            headers = Headers({"Content-Length": "0"})
            body = b""
            if status == 401:
                body = b'{"error":"unauthenticated","message":"not you"}'
                headers = Headers({"Content-Length": str(len(body))})
            if status == 503:
                headers["Retry-After"] = "7"
            if status == 302:
                headers["Location"] = "ws://127.0.0.1:9/"

            def refuse(peer: ServerConnection, request: Request) -> Response:
                return Response(status, HTTPStatus(status).phrase, headers, body)

            async with serve(lambda peer: peer.wait_closed(), "127.0.0.1", 0, process_request=refuse) as server:
                told = Told()
                Socket(address(server), told, close_of_status)
                self.assertEqual(await told.over, expected)

    async def test_the_servers_close_is_told_and_a_cut_is_none(self) -> None:
        async def close(peer: ServerConnection) -> None:
            await peer.close(4003, "not here")

        async def cut(peer: ServerConnection) -> None:
            peer.transport.abort()

        for leaves, expected in ((close, (4003, "not here", None)), (cut, (None, "", None))):
            async with serve(leaves, "127.0.0.1", 0) as server:
                told = Told()
                Socket(address(server), told, close_of_status)
                self.assertEqual(await told.over, expected)

    async def test_an_answer_that_is_no_http_or_breaks_off_is_no_session_for_now(self) -> None:
        head = b"HTTP/1.1 503 Service Unavailable\r\n"
        broken = [
            b"hello\r\n\r\n",
            head[:10],
            head + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
            head + b"Content-Length: 100\r\n\r\n{",
            b'HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"ses',
            b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
        ]

        async def say(asked: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
            await asked.readuntil(b"\r\n\r\n")
            answer.write(broken[0])
            answer.close()

        async with await asyncio.start_server(say, "127.0.0.1", 0) as server:
            url = address(server)
            while broken:
                with self.subTest(answer=broken[0][:60]), self.assertRaises(OutliveError) as raised:
                    await create_session(url)
                self.assertEqual(raised.exception.reason, "unavailable")
                broken.pop(0)


if __name__ == "__main__":
    unittest.main()
