// A coding agent in Express, behind `outlive serve`, and the page in front of it: examples/README.md has the commands.
//   hello       is answered word by word
//   build 300   runs a build of 300 steps in a process of its own, whose output is the answer
//   deploy 10   asks before it does it; whoever comes back tomorrow may say yes

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import express from "express";

const { PORT = 8000, OUTLIVE = "http://127.0.0.1:7878", PAUSE = 20 } = process.env;
const BUILD = `let n = 0; setInterval(() => ++n > process.argv[1] ? process.exit() : console.log("step " + n), ${PAUSE})`;
const runs = {}; // what became of each request, as GET /runs shows it

/** The agent's tool. Its process ends with the request. */
async function* build(steps, run, response) {
  const child = spawn(process.execPath, ["-e", BUILD, steps], { stdio: ["ignore", "pipe", "inherit"] });
  run.pid = child.pid;
  response.once("close", () => child.kill());
  for await (const line of createInterface({ input: child.stdout })) yield `${line}\n`;
}

/** What the log gets: texts, or any other JSON. */
async function* entries({ prompt, answers }, run, response) {
  const [word, steps] = String(prompt ?? answers.question.deploy).split(" ");
  if (answers?.answer === false) yield "nothing was deployed";
  else if (answers || word === "build") yield* build(answers ? word : steps, run, response);
  else if (word === "deploy") yield { "outlive.ask": { deploy: steps } };
  else for (const said of `You said ${prompt}`.split(" ")) yield await wait(Number(PAUSE), `${said} `);
}

const app = express();
app.post("/answer", express.json({ limit: "8mb" }), async (request, response) => {
  const run = (runs[request.get("idempotency-key")] = { state: "runs" });
  const lines = async function* () {
    for await (const entry of entries(request.body, run, response)) yield `${JSON.stringify(entry)}\n`;
  };
  // Unless it is done, somebody has stopped it: the request was closed.
  run.state = await pipeline(lines, response.type("application/x-ndjson")).then(() => "done", () => "stopped");
});
app.get("/runs", (_, response) => response.json(runs));

// The page, with the client beside it. Whoever comes without a session gets a new one.
app.get("/", async ({ query }, response, next) => {
  if (query.session) return next();
  const { session } = await (await fetch(`${OUTLIVE}/sessions`, { method: "POST" })).json();
  response.redirect(`/?session=${session}&at=${OUTLIVE}`);
});
app.use("/client", express.static(dirname(createRequire(import.meta.url).resolve("outlive"))));
app.use(express.static(fileURLToPath(new URL("../page", import.meta.url))));
app.listen(PORT, "127.0.0.1");
