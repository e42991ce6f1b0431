"""Sessions that outlive their connections: the client.

    async with connect("wss://example.net", session, apply=show) as client:
        await client.prompt({"text": "hello"})
"""

from ._client import Accepted, Client, News, Token, Update, Waiting, connect
from ._options import OutliveError, create_session
from ._socket import SUBPROTOCOL
from ._storage import FileStorage, MemoryStorage, Storage

__all__ = [
    "SUBPROTOCOL",
    "Accepted",
    "Client",
    "FileStorage",
    "MemoryStorage",
    "News",
    "OutliveError",
    "Storage",
    "Token",
    "Update",
    "Waiting",
    "connect",
    "create_session",
]
