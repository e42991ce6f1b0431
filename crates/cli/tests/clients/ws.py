"""Attach, prompt, cut, come back with the cursor; prints the ids that came, one a line.

python3 ws.py ws://127.0.0.1:7878/sessions/s_…/ws
"""

import json
import sys

from websockets.sync.client import connect


def watch(cursor, last, prompt=None):
    """One connection: prints ids until an entry of the kind `last`, and cuts."""
    socket = connect(sys.argv[1], subprotocols=["outlive.v1"])
    socket.send(json.dumps({"t": "attach", "client": "python", "cursor": cursor}))
    if prompt is not None:
        socket.send(json.dumps({"t": "prompt", "n": 1, "d": prompt}))
    while True:
        frame = json.loads(socket.recv())
        if frame["t"] != "ev":
            continue
        print(frame["id"])
        if frame["entry"] == last:
            # Not closed: cut.
            socket.socket.close()
            return frame["id"]


watch(watch(None, "output", "/fast 20"), "turn_end")
