"""A chat and a task agent in FastAPI, behind `outlive serve`: examples/README.md has the commands.

hello           is answered word by word
/task 300       is a task of 300 steps, whose progress is the answer
/delete FILE    asks before it does it; whoever comes back tomorrow may say yes
"""

import asyncio
import json
import os

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

app = FastAPI()
pause = float(os.environ.get("PAUSE", "0.05"))  # in seconds: a model or a tool takes its time
runs = {}  # what became of each request, as GET /runs shows it


async def entries(turn):
    """What the log gets: texts, or any other JSON. Here a model would be asked, and its tools would run."""
    match turn.get("answers"), str(turn["prompt"]).split():
        case {"question": {"delete": file}, "answer": yes}, _:
            yield f"{file} is gone" if yes else f"{file} stays"
        case _, ["/delete", file]:
            yield {"outlive.ask": {"delete": file}}
        case _, ["/task", steps]:
            for step in range(1, int(steps) + 1):
                yield f"step {step}\n"
                await asyncio.sleep(pause)
        case _:
            history = turn["history"]["entries"]
            before = [entry["d"] for entry in history if entry["entry"] == "prompt"]
            said = f"You said {turn['prompt']}" + (f", and {before[-1]} before" if before else "")
            for word in said.split():
                yield word + " "
                await asyncio.sleep(pause)


@app.post("/answer")
async def answer(turn: dict):
    key = f"{turn['session']}/{turn['turn']}"

    async def lines():
        runs[key] = "runs"
        try:
            async for entry in entries(turn):
                yield json.dumps(entry) + "\n"
            runs[key] = "done"
        finally:  # unless it is done, somebody has stopped it: the request was closed
            runs[key] = runs[key].replace("runs", "stopped")

    return StreamingResponse(lines(), media_type="application/x-ndjson")


@app.get("/runs")
async def what_runs():
    return runs
