# The client of clients/python: prompts, each followed by a cut, every other one given while there is no connection. Prints
# the ids that were applied, one a line, and what was accepted. Between two prompts it waits for a line of its input.
# python3 asyncio_client.py http://127.0.0.1:7878 s_… PROMPT…

import asyncio
import sys
from pathlib import Path

# The one that is installed, or else the one beside these tests.
if "--installed" not in sys.argv:
    sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "clients/python/src"))

from outlive import connect, create_session  # noqa: E402


async def main(url, session, *prompts):
    last, ends, heard = 0, 0, asyncio.Condition()

    async def apply(update):
        nonlocal last, ends
        await asyncio.sleep(0)  # an application takes its time
        if update["kind"] == "anew" and last == 0:
            return
        assert update["kind"] == "entry" and update["seq"] == last + 1, f"{update} after {last}"
        last = update["seq"]
        print(update["id"], flush=True)
        if update["entry"] == "output" and last % 7 == 0:
            cut(client)
        if update["entry"] == "turn_end":
            async with heard:
                ends += 1
                heard.notify_all()

    def notify(news):
        if news["kind"] == "error":
            raise SystemExit(f"error: {news['error']!r}")

    if session == "new":
        session = await create_session(url)
        print(session, flush=True)
    settings = {"first_ms": 0, "step_ms": 0, "spacing_ms": 0}
    client = connect(url, session, apply=apply, notify=notify, settings=settings)
    async with client:
        for n, text in enumerate(prompts, 1):
            if n % 2 == 0:
                cut(client)
            accepted = await client.prompt(text)
            print(f"accepted {accepted.n}", flush=True)
            async with heard:
                await heard.wait_for(lambda: ends >= n)
            await asyncio.to_thread(sys.stdin.readline)


def cut(client):
    # Not before its welcome: three hellos in vain make a client forget its cursor.
    if client.state in ("REPLAYING", "LIVE"):
        client._socket._connection.transport.abort()


asyncio.run(main(*(word for word in sys.argv[1:] if not word.startswith("--"))))
