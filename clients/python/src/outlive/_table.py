"""The client's table, as `cargo run -- docs` writes it."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

TABLE: dict[str, Any] = json.loads(files("outlive").joinpath("table.json").read_text("utf-8"))
