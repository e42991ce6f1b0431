// The page of `examples/` in a browser, in front of each of its backends: what happened to the systems of their kind does
// not happen to them (system D: the page; A and S: FastAPI; M and P: Express).

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

let patience = 60_000; // as run.mjs has it

/** Asks until the answer is a good one. */
async function until(what, ask) {
  const late = AbortSignal.timeout(patience);
  while (!late.aborted) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((done) => setImmediate(done));
  }
  throw new Error(`it does not come: ${what}`);
}

async function freePort() {
  const server = net.createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** A process that listens at a port of its own. */
class Backend {
  constructor(command, args, options) {
    [this.command, this.args, this.options] = [command, args, options];
  }

  start() {
    this.process = spawn(this.command, this.args, { stdio: "ignore", ...this.options });
    this.gone = new Promise((done) => this.process.once("exit", done));
  }

  async kill() {
    this.process.kill("SIGKILL");
    await this.gone;
  }
}

/** Express, which serves the page too. A module is looked for beside the file, so the file is copied. */
function express(folder, port) {
  const modules = join(folder, "express/node_modules");
  mkdirSync(modules, { recursive: true });
  symlinkSync(join(ROOT, "tests/browser/node_modules/express"), join(modules, "express"));
  symlinkSync(join(ROOT, "clients/js"), join(modules, "outlive"));
  cpSync(join(ROOT, "examples/express/app.mjs"), join(folder, "express/app.mjs"));
  cpSync(join(ROOT, "examples/page"), join(folder, "page"), { recursive: true });
  return (outlive) => {
    const env = { ...process.env, PORT: String(port), OUTLIVE: outlive, PAUSE: "2" };
    return new Backend(process.execPath, [join(folder, "express/app.mjs")], { env });
  };
}

function fastapi(port) {
  const args = ["-m", "uvicorn", "app:app", "--port", String(port), "--app-dir", join(ROOT, "examples/fastapi")];
  const env = { ...process.env, PAUSE: "0.002", PYTHONDONTWRITEBYTECODE: "1" };
  return new Backend("python3", args, { env });
}

/** Whoever answers, the page in front of it, and what both show. */
class Stage {
  static async create(world, folder, stack) {
    const stage = new Stage();
    [stage.world, stage.stack] = [world, stack];
    const pagePort = await freePort();
    stage.web = express(folder, pagePort);
    stage.url = `http://127.0.0.1:${pagePort}`;
    if (stack === "fastapi") stage.backend = fastapi(await freePort());
    stage.answers = stack === "fastapi" ? `http://127.0.0.1:${stage.backend.args[4]}` : stage.url;
    world.stage = stage;
    return ["--backend", `${stage.answers}/answer`, "--origin", stage.url];
  }

  /** The prompt for so many steps. */
  long(steps) { return `${this.stack === "fastapi" ? "/task" : "build"} ${steps}`; }

  async open() {
    this.web = this.web(this.world.server.url);
    this.web.start();
    if (this.backend) this.backend.start();
    else this.backend = this.web;
    for (const url of [this.url, this.answers]) await this.#listens(url);
    return this.tab("/");
  }

  async #listens(url) {
    await until(url, async () => (await fetch(`${url}/runs`).catch(() => null))?.ok);
  }

  async tab(address) {
    const tab = await this.world.visit(address, this.url);
    await tab.live();
    return tab;
  }

  /** A tab in which an answer of so many steps has begun. */
  async inMidAnswer(steps) {
    const tab = await this.open();
    await say(tab, this.long(steps));
    await shows(tab, "step 20\n");
    return tab;
  }

  /** Dead, and the process of its tool notices. */
  async killBackend(tab) {
    const run = await this.says(tab, 1, "runs");
    await this.backend.kill();
    await ends(run);
  }

  async startBackend() {
    this.backend.start();
    await this.#listens(this.answers);
  }

  /** What the backend says of a turn, as soon as it is this. */
  async says(tab, turn, state) {
    const key = `${await tab.session()}/${turn}`;
    return until(`the turn ${state}`, async () => {
      // A connection that was kept may be closed by now.
      const runs = await fetch(`${this.answers}/runs`).then((response) => response.json()).catch(() => ({}));
      return (runs[key]?.state ?? runs[key]) === state && runs[key];
    });
  }

  /** The work of the first turn is over, and none of its processes is left. */
  async isOver(tab, state) { await ends(await this.says(tab, 1, state)); }

  /** The page shows the log to the letter, and the log is whole: so many steps, or those before the end. */
  async isRight(tab, outcome, steps = null) {
    const session = await tab.session();
    const count = (log, kind) => log.filter(({ entry }) => entry === kind).length;
    const log = await until("the end of each turn", async () => {
      const log = await this.world.server.log(session);
      return count(log, "turn_end") === count(log, "prompt") && log;
    });
    const lines = shown(log);
    await tab.until((right) => JSON.stringify([...document.querySelectorAll("main > pre")].map((one) => one.textContent)) === right, JSON.stringify(lines))
      .catch(async () => assert.deepEqual(await tab.page.locator("main > pre").allTextContents(), lines));
    const said = log.filter(({ entry, turn }) => entry === "output" && turn === 1).map(({ d }) => d);
    assert.deepEqual(said, said.map((_, i) => `step ${i + 1}\n`));
    assert.equal(log.find(({ entry, turn }) => entry === "turn_end" && turn === 1).outcome, outcome);
    if (steps !== null) assert.equal(said.length, steps);
    return log;
  }

  /** The next prompt is answered, once. */
  async goesOn(tab) {
    await say(tab, "hello");
    await shows(tab, "You said hello");
    const log = await this.world.server.log(await tab.session());
    assert.equal(log.filter(({ d }) => d === "hello").length, 1);
  }

  async close() {
    for (const one of [this.web, this.backend]) if (one?.process) await one.kill();
  }
}

/** The process of a run, if it has one, is gone. */
async function ends({ pid }) {
  const isGone = () => {
    try {
      return !process.kill(pid, 0);
    } catch {
      return true;
    }
  };
  if (pid) await until("the end of a process", isGone);
}

const shows = (tab, text) => tab.until((part) => document.querySelector("main").textContent.includes(part), text);

async function say(tab, text) {
  await tab.page.fill("input", text);
  await tab.page.press("input", "Enter");
}

/** What has to be on the page. */
function shown(log) {
  const [lines, answers] = [[], new Map()];
  for (const { entry, turn, d, outcome, error } of log) {
    if (entry === "prompt") lines.push([d]);
    if (entry === "output" && !answers.has(turn)) answers.set(turn, lines[lines.push([]) - 1]);
    if (entry === "output") answers.get(turn).push(d);
    if (entry === "ask") lines.push([JSON.stringify(d), "yesno"]);
    if (entry === "turn_end" && outcome !== "completed") lines.push([error ?? outcome]);
  }
  return lines.map((line) => line.join(""));
}

/** More steps than anybody waits for: what ends was stopped. */
const ENDLESS = 1_000_000;

const incidents = {
  "stop in mid-stream, with 8,700 pieces and more to come": async (stage) => {
    const tab = await stage.inMidAnswer(ENDLESS);
    // The answer is longer than the window, and whoever wants to stop it has the button where it was.
    await shows(tab, "step 200\n");
    assert.ok(await tab.page.evaluate(() => document.querySelector("#stop").getBoundingClientRect().bottom <= innerHeight));
    await tab.click("stop");
    const log = await stage.isRight(tab, "interrupted");
    const pending = ENDLESS - log.filter(({ entry }) => entry === "output").length;
    assert.ok(pending > 8_700, `${pending}`);
    assert.equal(log.at(-1).error, undefined, "a stop is no error");
    await stage.isOver(tab, "stopped");
    await stage.goesOn(tab);
  },
  "the window is closed in mid-answer": async (stage) => {
    const tab = await stage.inMidAnswer(1_000);
    const address = tab.page.url().slice(stage.url.length);
    await tab.page.close();
    const again = await stage.tab(address);
    await stage.isOver(again, "done");
    await stage.isRight(again, "completed", 1_000);
    await stage.goesOn(again);
  },
  "the phone is suspended": async (stage) => {
    const tab = await stage.inMidAnswer(1_000);
    const devtools = await stage.world.context.newCDPSession(tab.page);
    await stage.world.visible(tab, "hidden");
    await tab.link("HIDDEN");
    await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
    stage.world.server.unplug();
    await stage.isOver(tab, "done");
    stage.world.server.plug();
    await devtools.send("Page.setWebLifecycleState", { state: "active" });
    await stage.world.visible(tab, "visible");
    await tab.live();
    await stage.isRight(tab, "completed", 1_000);
    await stage.goesOn(tab);
  },
  "twenty refreshes": async (stage) => {
    const tab = await stage.inMidAnswer(3_000);
    for (let times = 0; times < 20; times += 1) {
      await tab.page.reload();
      await tab.live();
      await shows(tab, "step 20\n");
    }
    await stage.isOver(tab, "done");
    await stage.isRight(tab, "completed", 3_000);
    await stage.goesOn(tab);
  },
  "the backend is killed": async (stage) => {
    const tab = await stage.inMidAnswer(ENDLESS);
    await stage.killBackend(tab);
    const log = await stage.isRight(tab, "failed");
    assert.match(log.at(-1).error, /cut off/);
    await stage.startBackend();
    await stage.goesOn(tab);
  },
  "the gateway is killed": async (stage) => {
    const tab = await stage.inMidAnswer(ENDLESS);
    await tab.comesBackAfter(async () => {
      await stage.world.server.end("SIGKILL");
      await stage.isOver(tab, "stopped");
      await stage.world.server.start();
    });
    await stage.isRight(tab, "ambiguous");
    await stage.goesOn(tab);
  },
  "a question is answered after a refresh": async (stage) => {
    const tab = await stage.open();
    await say(tab, stage.stack === "fastapi" ? "/delete it" : "deploy 3");
    await shows(tab, "waiting");
    await tab.page.reload();
    await tab.page.click("main button");
    await shows(tab, stage.stack === "fastapi" ? "it is gone" : "step 3\n");
    await stage.goesOn(tab);
  },
};

/** Adds the tests: each has its backend, with all that the page needs. */
export function examples(test, given) {
  patience = given;
  const python = spawnSync("python3", ["-c", "import fastapi, uvicorn"]).status === 0;
  for (const stack of ["express", "fastapi"]) {
    for (const [what, run] of Object.entries(incidents)) {
      const name = `examples, ${stack}: ${what}`;
      if (stack === "fastapi" && !python) console.log(`SKIPPED ${name}: needs fastapi and uvicorn for python3`);
      else test(name, (world) => run(world.stage), { flags: (world, folder) => Stage.create(world, folder, stack) });
    }
  }
}
