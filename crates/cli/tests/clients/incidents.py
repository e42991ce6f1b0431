# The client of clients/python, as a test says line by line: {"do":"prompt","d":"hello"}, {"do":"interrupt","turn":1},
# {"do":"answer","ask":3,"d":true}, {"do":"hide"}, {"do":"show"}, {"do":"cut"}. Prints what it applies, and what it is told.
# python3 incidents.py http://127.0.0.1:7878 s_…

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "clients/python/src"))

from outlive import connect  # noqa: E402


def say(what):
    print(json.dumps(what), flush=True)


def notify(news):
    if news["kind"] == "error":
        raise SystemExit(f"error: {news['error']!r}")
    say({"kind": news["kind"], "state": news.get("state")})


async def main(url, session):
    settings = {"first_ms": 0, "step_ms": 0, "spacing_ms": 0}
    client = connect(url, session, apply=say, notify=notify, settings=settings)
    async with client:
        while line := await asyncio.to_thread(sys.stdin.readline):
            match json.loads(line):
                case {"do": "prompt", "d": body}:
                    asyncio.ensure_future(client.prompt(body))
                case {"do": "interrupt", "turn": turn}:
                    client.interrupt(turn)
                case {"do": "answer", "ask": ask, "d": body}:
                    client.answer(ask, body)
                case {"do": "hide"}:
                    await client.hide()
                case {"do": "show"}:
                    await client.show()
                case {"do": "cut"}:
                    client._socket._connection.transport.abort()


asyncio.run(main(*sys.argv[1:]))
