// The page of `outlive serve` in a browser, and that of `examples/`: what is on the screen is what is in the log, whatever happens to
// the connection, the page or the server. `node run.mjs [PART-OF-A-NAME…]`
//
// OUTLIVE   the program; without it cargo builds it
// CHROMIUM  the browser; without it the one on the path
// JOBS      so many tests at once; 4 without it: each has a server, a file and a browser of its own, and most of them wait
// SHOTS     a folder for a picture of every page that is open when a test ends

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { examples } from "./examples.mjs";

const PATIENCE = 60_000; // before a condition that does not come true fails a test; not a measurement

function program() {
  if (process.env.OUTLIVE) return process.env.OUTLIVE;
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const args = ["build", "--bin", "outlive", "--message-format", "json-render-diagnostics"];
  const told = execFileSync("cargo", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  return told.split("\n").filter(Boolean).map((line) => JSON.parse(line)).findLast((line) => line.executable).executable;
}

function browserPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const names = "chromium chromium-browser google-chrome";
  const found = execFileSync("sh", ["-c", `for name in ${names}; do command -v $name && exit; done; true`], { encoding: "utf8" });
  if (!found) throw new Error(`no browser: none of ${names} is on the path`);
  return found.trim();
}

/** The server, with a file of its own, behind a wire that can be cut. */
class Server {
  #process = null;
  #wire = null;
  #cables = new Set();
  #plugged = true;
  output = "";

  static async create(folder, flags = []) {
    const server = new Server();
    server.flags = flags;
    server.file = join(folder, "outlive.db");
    server.#wire = net.createServer((cable) => server.#connect(cable));
    // The page sees this address; the server has the same port at another one.
    await new Promise((done) => server.#wire.listen(0, "127.0.0.1", done));
    server.port = server.#wire.address().port;
    server.url = `http://127.0.0.1:${server.port}`;
    await server.start();
    return server;
  }

  #connect(cable) {
    if (!this.#plugged) {
      cable.resetAndDestroy();
      return;
    }
    const inner = net.connect(this.port, "127.0.0.2");
    this.#cables.add(cable);
    const end = () => {
      this.#cables.delete(cable);
      cable.destroy();
      inner.destroy();
    };
    for (const [from, to] of [[cable, inner], [inner, cable]]) {
      from.setNoDelay(true);
      from.on("error", end).on("close", end);
      from.pipe(to);
    }
  }

  /** Every connection is gone, as when a phone changes its network. */
  cutEverything() {
    this.#cables.forEach((cable) => cable.resetAndDestroy());
  }

  /** From here on there is no wire. */
  unplug() {
    this.#plugged = false;
    this.cutEverything();
  }

  plug() { this.#plugged = true; }

  async start() {
    const args = ["serve", "--listen", `127.0.0.2:${this.port}`, "--store", this.file, ...this.flags];
    this.#process = spawn(PROGRAM, args, { stdio: ["ignore", "pipe", "pipe"] });
    const gone = new Promise((done) => this.#process.once("exit", (code, signal) => done({ code, signal })));
    this.gone = gone;
    const ready = new Promise((done) => {
      this.#process.stdout.on("data", (text) => {
        this.output += text;
        if (String(text).includes("a page to try")) done();
      });
      this.#process.stderr.on("data", (text) => { this.output += text; });
    });
    await Promise.race([ready, gone.then(() => { throw new Error(`the server left: ${this.output}`); })]);
  }

  /** Resolves when the process is gone. */
  async end(signal) {
    this.#process.kill(signal);
    return this.gone;
  }

  async close() {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.end("SIGKILL");
    this.cutEverything();
    await new Promise((done) => this.#wire.close(done));
  }

  /** The log up to its head, read over HTTP. */
  async log(session) {
    const stop = new AbortController();
    const [, token] = this.flags;
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const response = await fetch(`${this.url}/sessions/${session}/events`, { signal: stop.signal, headers });
    assert.equal(response.status, 200);
    const [entries, decoder] = [[], new TextDecoder()];
    let [text, head] = ["", null];
    const reader = response.body.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      assert.ok(!done, `the stream of events ended before the head: ${text}`);
      text += decoder.decode(value, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const data = block.split("\n").find((line) => line.startsWith("data:"));
        if (!data) continue;
        const frame = JSON.parse(data.slice(5));
        if (frame.t === "welcome") head = frame.head;
        if (frame.t === "ev") entries.push({ ...frame, seq: Number(frame.id.split(".")[1]) });
      }
      if (head !== null && (entries.at(-1)?.seq ?? 0) >= head) break;
    }
    stop.abort();
    assert.deepEqual(entries.map(({ seq }) => seq), entries.map((_, i) => i + 1), "the log is complete");
    return entries;
  }
}

/** What has to be on the screen of the client `id`, a line a piece. */
function expected(log, id) {
  const lines = [];
  const turns = new Map();
  const asks = new Map();
  const unanswered = (ask) => {
    asks.get(ask).line[1] = `${asks.get(ask).d}not answered`;
    asks.delete(ask);
  };
  const turnOf = (seq) => {
    if (!turns.has(seq)) {
      turns.set(seq, []);
      lines.push(turns.get(seq));
    }
    return turns.get(seq);
  };
  // Turns that are open go on after what is said of the session.
  const running = new Set();
  const note = (text) => {
    const next = turns.get(Math.min(...running));
    lines.splice(next ? lines.indexOf(next) : lines.length, 0, [["note", text]]);
  };
  const name = (who) => (who === id ? "you" : who.replace(/^c_(.{4}).{20}$/, "tab $1"));
  for (const { entry, seq, turn, d, ...more } of log) {
    switch (entry) {
      case "prompt":
        running.add(seq);
        turnOf(seq).push(["prompt", `${name(more.client)}: ${d}`]);
        break;
      case "output": {
        if (turn == null) lines.push([["note", d]]);
        else if (turnOf(turn).at(-1)?.[0] === "answer") turnOf(turn).at(-1)[1] += d;
        else turnOf(turn).push(["answer", d]);
        break;
      }
      case "ask": {
        const line = ["ask", `${d}approvedeny`];
        asks.set(seq, { line, d, turn, stands: more.stands });
        turnOf(turn).push(line);
        break;
      }
      case "answer": {
        const text = `${d ? "approved" : "denied"} by ${name(more.client)}`;
        asks.get(more.ask).line[1] = `${asks.get(more.ask).d}${text}`;
        if (asks.get(more.ask).stands) {
          running.add(seq);
          turnOf(seq).push(["prompt", text]);
        }
        asks.delete(more.ask);
        break;
      }
      case "withdrawn": unanswered(more.ask); break;
      case "turn_end":
        running.delete(turn);
        for (const [ask, { turn: of, stands }] of asks) if (of === turn && !stands) unanswered(ask);
        if (more.outcome !== "completed") turnOf(turn).push(["outcome", more.outcome]);
        break;
      case "closing": note("closing"); break;
      case "end": note("ended"); break;
      default: assert.fail(`an entry that this test does not know: ${entry}`);
    }
  }
  return lines.flat().map(([kind, text]) => `${kind}| ${text}`);
}

/** What is on the screen. */
function onScreen() {
  const lines = [...document.querySelectorAll("#chat > .note, #chat > .turn > div")];
  return lines.map((line) => {
    const [kind] = line.classList;
    const text = kind === "outcome" || /^(closing|ended): /.test(line.textContent) ? line.textContent.split(":")[0] : line.textContent;
    return `${kind}| ${text}`;
  });
}

/** Runs in every page before its own scripts: keeps every text that `#link` shows, for a state that passes can
 * be gone before anybody looks. Each text is a node of its own, so none is lost when several come at once. */
function keepLinks() {
  const links = (window.links = []);
  const isLink = ({ target }) => target.id === "link";
  const keep = (records) => records.filter(isLink).forEach(({ addedNodes }) => {
    links.push(...[...addedNodes].map((node) => node.data));
  });
  new MutationObserver(keep).observe(document, { childList: true, subtree: true });
}

const APART = ["DORMANT", "BACKING_OFF", "CONNECTING"];

/** A tab, and what one does with it. */
class Tab {
  constructor(page, world) {
    [this.page, this.world] = [page, world];
    page.setDefaultTimeout(PATIENCE);
    page.on("pageerror", (error) => world.errors.push(`page error: ${error.message}`));
    page.on("console", (message) => {
      // Connections that are refused or cut are the browser's own news.
      const network = /^Failed to load resource: |^WebSocket connection to .* failed: /.test(message.text());
      if (["error", "warning"].includes(message.type()) && !network) world.errors.push(`console: ${message.text()}`);
    });
  }

  async session() { return new URL(this.page.url()).searchParams.get("session"); }
  async stored() { return this.page.evaluate(() => ({ ...sessionStorage })); }
  async id() { return this.page.evaluate(() => window.outlive.id); }

  async until(condition, argument) { await this.page.waitForFunction(condition, argument); }
  async link(...states) { await this.until((of) => of.includes(document.querySelector("#link").textContent), states); }
  async state(...states) { await this.until((of) => of.includes(document.querySelector("#state").textContent), states); }
  async live() { await this.link("LIVE"); }
  /** Does what takes the connection away; the page has noticed, and is back. Not for what loads the page anew. */
  async comesBackAfter(cut) {
    const since = await this.page.evaluate(() => window.links.length);
    await cut();
    const passed = ([from, of]) => window.links.slice(from).some((state) => of.includes(state));
    await this.until(passed, [since, APART]);
    await this.live();
  }
  async shows(text) { await this.until((part) => document.querySelector("#chat").textContent.includes(part), text); }
  /** Nothing runs any more, and nothing waits. */
  async quiet() { await this.until(() => !document.querySelector("#chat .runs, #waiting > *")); }
  async click(name) { await this.page.click(`#${name}`); }

  async say(text) {
    await this.page.fill("#text", text);
    await this.page.press("#text", "Enter");
  }

  /** The last answer counts, and has come so far. */
  async counts(least) {
    await this.until((n) => {
      const answers = [...document.querySelectorAll("#chat .answer")];
      return (answers.at(-1)?.textContent.trim().split(" ").length ?? 0) >= n;
    }, least);
  }

  /** The screen is what the log is, to the letter. */
  async isRight() {
    const log = await this.world.server.log(await this.session());
    await this.until((head) => Number(window.outlive.cursor?.split(".")[1] ?? 0) >= head, log.at(-1)?.seq ?? 0);
    assert.deepEqual(await this.page.evaluate(onScreen), expected(log, await this.id()));
    return log;
  }
}

const prompts = (log) => log.filter(({ entry }) => entry === "prompt").map(({ d }) => d);
const outcomes = (log) => log.filter(({ entry }) => entry === "turn_end").map(({ outcome }) => outcome);
const said = (log, turn) => log.filter((one) => one.entry === "output" && one.turn === turn).map(({ d }) => d).join("");
const upTo = (n) => Array.from({ length: n }, (_, i) => `${i + 1} `).join("");

/** A server, a browser's context, and a tab with a new session. */
class World {
  errors = [];
  tabs = [];

  async visit(address, base = this.server.url) {
    const tab = new Tab(await this.context.newPage(), this);
    this.tabs.push(tab);
    await tab.page.goto(base + address);
    return tab;
  }

  async open(address = "/") {
    const tab = await this.visit(address);
    await tab.live();
    return tab;
  }

  /** What the browser does with “duplicate”: the same page, with a copy of its sessionStorage. */
  async duplicate(tab) {
    const [page] = await Promise.all([
      tab.page.waitForEvent("popup"),
      tab.page.evaluate(() => { window.open(location.href); }),
    ]);
    const other = new Tab(page, this);
    this.tabs.push(other);
    await other.live();
    return other;
  }

  /** A tab that begins with this sessionStorage. */
  async restore(stored, session) {
    const tab = new Tab(await this.context.newPage(), this);
    this.tabs.push(tab);
    await tab.page.addInitScript((items) => {
      if (sessionStorage.length > 0) return;
      for (const [name, value] of Object.entries(items)) sessionStorage.setItem(name, value);
    }, stored);
    await tab.page.goto(`${this.server.url}/?session=${session}`);
    await tab.live();
    return tab;
  }

  /** The page is told that there is no network, and there is none. The browser is told last: once it is, it holds
   * back what has come before, and with it the news that a connection is gone. */
  async withoutNetwork(tab) {
    await tab.page.evaluate(() => dispatchEvent(new Event("offline")));
    this.server.unplug();
    await tab.link("BACKING_OFF");
    await this.context.setOffline(true);
  }

  async withNetwork() {
    this.server.plug();
    await this.context.setOffline(false);
  }

  /** Says to the page that it is hidden, or not, as the browser would. */
  async visible(tab, state) {
    await tab.page.evaluate((now) => {
      Object.defineProperty(document, "visibilityState", { value: now, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, state);
  }
}

const tests = [];
const test = (name, run, options = {}) => tests.push({ name, run, ...options });

test("a prompt and its answer, as it comes", async (world) => {
  const tab = await world.open();
  await tab.state("CREATED");
  await tab.say("hello");
  await tab.shows("You said: hello.");
  await tab.state("ACTIVE");
  await tab.quiet();
  const log = await tab.isRight();
  assert.deepEqual(outcomes(log), ["completed"]);
  const lit = await tab.page.evaluate(() => [...document.querySelectorAll("#diagram .here")].map(({ id }) => id));
  assert.deepEqual(lit, ["session-ACTIVE"]);
  // The rows come on a connection of their own, and stay.
  await tab.until(() => /T2OUTPUT in ACTIVE × \d+/.test(document.querySelector("#rows").textContent));
});

test("before anything is typed the page says what to do", async (world) => {
  const tab = await world.open();
  const hint = tab.page.locator("#hint");
  assert.match(await hint.innerText(), /Type something, then cut the connection in the middle of the answer/);
  await tab.say("hello");
  await hint.waitFor({ state: "hidden" });
  await tab.page.reload();
  await tab.until(() => document.querySelector(".answer"));
  assert.equal(await hint.isVisible(), false);
});

test("the newest rule is at the top and says why, also on a phone", async (world) => {
  const tab = await world.open();
  await tab.say("hello");
  await tab.until(() => document.querySelector(".answer") && document.querySelector(".runs") === null);
  for (const [width, where] of [[1280, "#rows li:first-child small"], [360, "#newest"]]) {
    await tab.page.setViewportSize({ width, height: 740 });
    const why = tab.page.locator(where);
    await tab.page.click("#hide");
    await tab.page.click("#show");
    // Hidden and shown again, nobody else watches: the newest row is that of RESUME.
    await tab.until(() => /^U3/.test(document.querySelector("#rows li").textContent));
    assert.match(await why.innerText(), /back on the same connection/);
    assert.ok(await why.isVisible());
    const wide = await tab.page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} px wide on a screen of ${width}`);
  }
});

test("refresh in mid-stream, five times", async (world) => {
  const tab = await world.open();
  await tab.say("/long 120");
  for (const least of [5, 15, 30, 50, 80]) {
    await tab.counts(least);
    await tab.page.reload();
    await tab.live();
  }
  await tab.quiet();
  const log = await tab.isRight();
  assert.equal(said(log, 1), upTo(120));
});

test("a second tab watches the same, and prompts", async (world) => {
  const one = await world.open();
  await one.say("/long 40");
  await one.counts(5);
  const two = await world.open(`/?session=${await one.session()}`);
  assert.notEqual(await one.id(), await two.id());
  await two.counts(10);
  await two.say("and you?");
  await one.shows("You said: and you?");
  await Promise.all([one.quiet(), two.quiet()]);
  await one.isRight();
  assert.deepEqual(prompts(await two.isRight()), ["/long 40", "and you?"]);
});

test("a tab that is duplicated goes on beside the other one", async (world) => {
  const one = await world.open();
  await one.say("/long 60");
  await one.counts(5);
  const two = await world.duplicate(one);
  assert.notEqual(await one.id(), await two.id());
  await two.counts(20);
  await one.say("from the first");
  await one.shows("you: from the first");
  await two.say("from the second");
  await Promise.all([one.shows("You said: from the second."), two.shows("You said: from the second.")]);
  await Promise.all([one.quiet(), two.quiet()]);
  await one.live();
  // Both keep their names over a refresh.
  const ids = await Promise.all([one.id(), two.id()]);
  for (const tab of [one, two]) {
    await tab.page.reload();
    await tab.live();
    await tab.isRight();
  }
  assert.deepEqual(await Promise.all([one.id(), two.id()]), ids);
  assert.deepEqual(prompts(await one.isRight()), ["/long 60", "from the first", "from the second"]);
});

test("a tab that is duplicated does not send what waits in the other one", async (world) => {
  const one = await world.open();
  const session = await one.session();
  await world.server.end("SIGKILL");
  await one.link("BACKING_OFF", "CONNECTING");
  await one.say("only once");
  await one.page.waitForSelector("#waiting .prompt");
  // The copy is made while the server is away; its page is loaded as soon as it is back.
  const stored = await one.stored();
  await world.server.start();
  const two = await world.restore(stored, session);
  await one.live();
  await one.shows("You said: only once.");
  await Promise.all([one.quiet(), two.quiet()]);
  assert.deepEqual(prompts(await one.isRight()), ["only once"]);
  await two.isRight();
});

test("hidden and shown again on the same connection", async (world) => {
  const tab = await world.open();
  await tab.say("/long 60");
  await tab.counts(5);
  await world.visible(tab, "hidden");
  await tab.link("HIDDEN");
  // The page follows the rules only while it is looked at: ask the server.
  const session = await tab.session();
  await tab.until(async (id) => (await (await fetch(`/sessions/${id}`)).json()).state === "SUSPENDED", session);
  await world.visible(tab, "visible");
  await tab.live();
  await tab.quiet();
  assert.equal(said(await tab.isRight(), 1), upTo(60));
});

test("eight tabs of one browser, of which one is looked at", async (world) => {
  const first = await world.open();
  const session = await first.session();
  await world.visible(first, "hidden");
  for (let n = 2; n < 8; n++) await world.visible(await world.open(`/?session=${session}`), "hidden");
  const last = await world.open(`/?session=${session}`);
  await last.say("/fast 3");
  // The log has no ninth reader: eight viewers are the limit of a session.
  await last.counts(3);
  await last.quiet();
  // Its own stream of rules flows.
  await last.until(() => document.querySelector("#rows li"));
});

test("the buttons hide and show", async (world) => {
  const tab = await world.open();
  await tab.say("/long 60");
  await tab.counts(5);
  await tab.click("hide");
  await tab.link("HIDDEN");
  await tab.click("show");
  await tab.live();
  await tab.quiet();
  await tab.isRight();
});

test("hidden until the connection is cut, then shown", async (world) => {
  const tab = await world.open();
  await tab.say("/long 80");
  await tab.counts(5);
  await world.visible(tab, "hidden");
  await tab.link("HIDDEN");
  world.server.cutEverything();
  await tab.link("DORMANT");
  await world.visible(tab, "visible");
  await tab.live();
  await tab.quiet();
  assert.equal(said(await tab.isRight(), 1), upTo(80));
});

test("frozen by the browser, cut, and thawed", async (world) => {
  const tab = await world.open();
  await tab.say("/long 80");
  await tab.counts(5);
  const devtools = await world.context.newCDPSession(tab.page);
  await world.visible(tab, "hidden");
  await tab.link("HIDDEN");
  await tab.comesBackAfter(async () => {
    await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
    world.server.cutEverything();
    await devtools.send("Page.setWebLifecycleState", { state: "active" });
    await world.visible(tab, "visible");
  });
  await tab.quiet();
  assert.equal(said(await tab.isRight(), 1), upTo(80));
});

test("without a network, and with one again", async (world) => {
  const tab = await world.open();
  await tab.say("/long 80");
  await tab.counts(5);
  for (let times = 0; times < 3; times += 1) {
    await world.withoutNetwork(tab);
    await world.withNetwork();
    await tab.live();
  }
  await tab.quiet();
  assert.equal(said(await tab.isRight(), 1), upTo(80));
});

test("a short loss of the network that the connection survives", async (world) => {
  const tab = await world.open();
  await tab.say("/long 60");
  await tab.counts(5);
  await tab.page.evaluate(() => dispatchEvent(new Event("offline")));
  await tab.counts(15);
  await tab.page.evaluate(() => dispatchEvent(new Event("online")));
  await tab.quiet();
  await tab.live();
  assert.equal(said(await tab.isRight(), 1), upTo(60));
});

test("the button cuts the connection, and the page comes back", async (world) => {
  const tab = await world.open();
  await tab.say("/long 100");
  for (const least of [5, 20, 40]) {
    await tab.counts(least);
    await tab.comesBackAfter(() => tab.click("cut"));
  }
  await tab.quiet();
  assert.equal(said(await tab.isRight(), 1), upTo(100));
});

test("cut under a flood of output", async (world) => {
  const tab = await world.open();
  await tab.say("/fast 2000");
  for (const least of [10, 200, 500]) {
    await tab.counts(least);
    await tab.comesBackAfter(() => world.server.cutEverything());
  }
  await tab.quiet();
  assert.equal(said(await tab.isRight(), 1), upTo(2000));
});

test("the server is killed in mid-stream and started again", async (world) => {
  const tab = await world.open();
  await tab.say("/long 500");
  await tab.say("waiting");
  await tab.shows("you: waiting");
  await tab.counts(10);
  await world.server.end("SIGKILL");
  await tab.link("BACKING_OFF", "CONNECTING");
  await world.server.start();
  await tab.live();
  await tab.page.waitForSelector(".outcome.wrong");
  assert.match(await tab.page.textContent(".outcome"), /^ambiguous: the server was restarted/);
  await tab.shows("You said: waiting");
  await tab.say("still there?");
  await tab.shows("You said: still there?");
  await tab.quiet();
  assert.deepEqual(outcomes(await tab.isRight()), ["ambiguous", "completed", "completed"]);
  // What waited was answered after the restart, and stands behind the note of it.
  const order = (await tab.page.evaluate(onScreen)).filter((line) => /^(note|prompt)/.test(line));
  assert.deepEqual(order, ["prompt| you: /long 500", "note| ended", "prompt| you: waiting", "prompt| you: still there?"]);
});

test("a prompt that is typed while the server is away is sent once", async (world) => {
  const tab = await world.open();
  await world.server.end("SIGKILL");
  await tab.link("BACKING_OFF", "CONNECTING");
  await tab.say("first");
  await tab.say("second");
  assert.equal(await tab.page.locator("#waiting .prompt").count(), 2);
  await world.server.start();
  await tab.live();
  await tab.shows("You said: second.");
  await tab.quiet();
  assert.deepEqual(prompts(await tab.isRight()), ["first", "second"]);
});

test("a prompt that is typed without a network is sent once, also after a refresh", async (world) => {
  const tab = await world.open();
  await world.withoutNetwork(tab);
  await tab.say("from the tunnel");
  await tab.page.waitForSelector("#waiting .prompt");
  await tab.page.reload().catch(() => {}); // the browser says that there is no network
  await world.withNetwork();
  await tab.page.reload();
  await tab.live();
  await tab.shows("You said: from the tunnel.");
  await tab.quiet();
  assert.deepEqual(prompts(await tab.isRight()), ["from the tunnel"]);
});

test("a prompt whose answer was lost is not taken twice", async (world) => {
  const tab = await world.open();
  for (const text of ["one", "two", "three"]) {
    await tab.comesBackAfter(async () => {
      await tab.say(text);
      world.server.cutEverything();
    });
    await tab.shows(`You said: ${text}.`);
  }
  await tab.page.reload();
  await tab.live();
  await tab.quiet();
  assert.deepEqual(prompts(await tab.isRight()), ["one", "two", "three"]);
});

test("the server leaves in good order, and another one takes over", async (world) => {
  const tab = await world.open();
  await tab.say("/long 20");
  await tab.counts(5);
  await tab.comesBackAfter(async () => {
    const { code } = await world.server.end("SIGTERM");
    assert.equal(code, 0, world.server.output);
    await world.server.start();
    // It comes back by itself, at a time that the server drew; if that is not over yet, now.
    await tab.page.evaluate(() => document.querySelector("#show").click());
  });
  await tab.quiet();
  const log = await tab.isRight();
  assert.equal(said(log, 1), upTo(20));
  assert.deepEqual(outcomes(log), ["completed"]);
  await tab.say("next");
  await tab.shows("You said: next.");
  await tab.quiet();
  await tab.isRight();
});

test("an EventSource that comes while the server leaves is there again afterwards", async (world) => {
  const tab = await world.open();
  await tab.say("/long 50");
  await tab.counts(3);
  const session = await tab.session();
  const log = () => tab.page.evaluate(() => window.source.log);
  await tab.page.evaluate((id) => {
    const source = (window.source = new EventSource(`/sessions/${id}/events`));
    [source.log, source.told] = [[], []];
    source.addEventListener("ev", ({ lastEventId }) => source.log.push(Number(lastEventId.split(".")[1])));
    for (const name of ["welcome", "goaway", "close"]) source.addEventListener(name, () => source.told.push(name));
  }, session);
  await tab.until(() => window.source.log.length >= 3);
  const left = world.server.end("SIGTERM");
  await tab.until(() => window.source.told.includes("close"));
  // It comes back while the turn still runs here, and is sent away again.
  await tab.page.evaluate((id) => {
    const late = (window.late = new EventSource(`/sessions/${id}/events?cursor=rubbish`));
    late.told = [];
    for (const name of ["welcome", "goaway", "close"]) late.addEventListener(name, () => late.told.push(name));
  }, session);
  await tab.until(() => window.late.told.includes("close") || window.late.readyState === 2);
  assert.deepEqual(await tab.page.evaluate(() => window.late.told), ["goaway", "close"]);
  assert.equal((await left).code, 0, world.server.output);
  await world.server.start();
  // Neither is closed for good.
  await tab.until(() => [window.source, window.late].every(({ told }) => told.at(-1) === "welcome"));
  const { length } = await world.server.log(session);
  await tab.until((head) => window.source.log.at(-1) === head, length);
  assert.deepEqual(await log(), Array.from({ length }, (_, i) => i + 1));
});

test("stop, and a prompt reopens the conversation", async (world) => {
  const tab = await world.open();
  await tab.say("/long 500");
  await tab.counts(5);
  await tab.click("stop");
  await tab.state("ENDED");
  await tab.shows("ended: ");
  assert.ok(await tab.page.isDisabled("#stop"));
  await tab.isRight();
  await tab.say("again");
  await tab.shows("You said: again.");
  await tab.quiet();
  assert.deepEqual(outcomes(await tab.isRight()), ["interrupted", "completed"]);
});

test("interrupt, and the next prompt", async (world) => {
  const tab = await world.open();
  await tab.say("/long 500");
  await tab.counts(5);
  await tab.click("interrupt");
  await tab.quiet();
  assert.ok(await tab.page.isDisabled("#interrupt"));
  await tab.say("next");
  await tab.shows("You said: next.");
  await tab.quiet();
  assert.deepEqual(outcomes(await tab.isRight()), ["interrupted", "completed"]);
});

test("an approval that is answered in the other tab", async (world) => {
  const one = await world.open();
  await one.say("/ask");
  await one.page.waitForSelector(".ask button");
  const two = await world.open(`/?session=${await one.session()}`);
  await one.page.reload();
  await one.page.waitForSelector(".ask button");
  await two.page.click(".ask button:has-text('deny')");
  await one.shows("Then I leave it as it is.");
  await Promise.all([one.quiet(), two.quiet()]);
  assert.equal(await one.page.locator(".ask button").count(), 0);
  await two.isRight();
  const log = await one.isRight();
  assert.equal(log.find(({ entry }) => entry === "answer").client, await two.id());
});

test("an approval that nobody gives when the turn is interrupted", async (world) => {
  const tab = await world.open();
  await tab.say("/ask");
  await tab.page.waitForSelector(".ask button");
  await tab.click("interrupt");
  await tab.quiet();
  assert.match(await tab.page.textContent(".ask"), /not answered$/);
  await tab.isRight();
});

test("an approval that is given after the server was killed, and its worker with it", async (world) => {
  const tab = await world.open();
  await tab.say("/later");
  await tab.shows("waiting");
  await tab.quiet();
  await world.server.end("SIGKILL");
  await world.server.start();
  await tab.page.reload();
  await tab.live();
  await tab.page.click(".ask button:has-text('approve')");
  await tab.shows("Everything is deleted.");
  await tab.quiet();
  assert.deepEqual(outcomes(await tab.isRight()), ["waiting", "completed"]);
});

test("away and back: the browser kept the page", async (world) => {
  const tab = await world.open();
  await tab.say("/long 80");
  await tab.counts(5);
  await tab.page.evaluate(() => {
    window.mark = "kept";
    addEventListener("pageshow", ({ persisted }) => { window.persisted = persisted; });
  });
  await tab.page.goto(`${world.server.url}/healthz`);
  await tab.page.goBack({ waitUntil: "commit" });
  await tab.until(() => window.persisted === true && window.mark === "kept");
  await tab.live();
  await tab.quiet();
  assert.equal(said(await tab.isRight(), 1), upTo(80));
  await tab.say("and now?");
  await tab.shows("You said: and now?");
  await tab.quiet();
  await tab.isRight();
}, { backForwardCache: true });

test("away and back: what the page in between has sent is not sent again", async (world) => {
  const tab = await world.open();
  await world.withoutNetwork(tab);
  await tab.say("only once");
  await tab.page.waitForSelector("#waiting .prompt");
  await tab.page.evaluate(() => {
    addEventListener("pageshow", ({ persisted }) => {
      window.persisted = persisted;
      delete document.visibilityState; // what the test has put there
    });
  });
  // The page goes while its prompt waits.
  await world.visible(tab, "hidden");
  await world.withNetwork();
  const address = tab.page.url();
  await tab.page.goto(`${world.server.url}/healthz`);
  await tab.page.goto(address);
  await tab.shows("You said: only once.");
  await tab.say("another");
  await tab.shows("You said: another.");
  await tab.quiet();
  await tab.page.evaluate(() => history.go(-2));
  await tab.until(() => window.persisted === true);
  await tab.live();
  await tab.say("last");
  await tab.shows("You said: last.");
  await tab.quiet();
  assert.deepEqual(prompts(await tab.isRight()), ["only once", "another", "last"]);
}, { backForwardCache: true });

test("away and back: the browser loads the page anew", async (world) => {
  const tab = await world.open();
  await tab.say("/long 60");
  await tab.counts(5);
  const id = await tab.id();
  await tab.page.goto(`${world.server.url}/healthz`);
  await tab.page.goBack();
  await tab.live();
  assert.equal(await tab.id(), id);
  await tab.quiet();
  assert.equal(said(await tab.isRight(), 1), upTo(60));
});

test("a tab that the browser discarded keeps its name and what waits", async (world) => {
  const tab = await world.open();
  const [id, session] = [await tab.id(), await tab.session()];
  await world.server.end("SIGKILL");
  await tab.link("BACKING_OFF", "CONNECTING");
  await tab.say("survives");
  await tab.page.waitForSelector("#waiting .prompt");
  // Nothing is told to such a page: its storage stays as it is, and comes back with the tab.
  const stored = await tab.stored();
  await tab.page.close();
  await world.server.start();
  const again = await world.restore(stored, session);
  assert.equal(await again.id(), id);
  await again.shows("You said: survives.");
  await again.quiet();
  assert.deepEqual(prompts(await again.isRight()), ["survives"]);
});

test("an address without a session that exists says so", async (world) => {
  const tab = await world.open();
  await tab.page.goto(`${world.server.url}/?session=s_00000000000000000000000000000000`);
  await tab.link("STOPPED");
  await tab.page.waitForSelector("#problem:not([hidden])");
});

test("with a token, and without the right one", async (world) => {
  const tab = await world.open("/#token=sesame");
  await tab.say("hello");
  await tab.shows("You said: hello.");
  await tab.page.reload();
  await tab.live();
  await tab.quiet();
  await tab.isRight();
  await tab.page.waitForSelector("#rows li"); // the steps are asked for with the token too
  const session = await tab.session();
  const stranger = await world.visit(`/?session=${session}#token=open`);
  await stranger.link("STOPPED");
  await stranger.page.waitForSelector("#problem:not([hidden])");
  assert.equal(await stranger.page.textContent("#chat"), "");
}, { flags: ["--token", "sesame"] });

test("turns that end badly", async (world) => {
  const tab = await world.open();
  for (const text of ["/fail", "/panic", "/leave", "and after that?"]) {
    await tab.say(text);
    await tab.shows(`you: ${text}`);
    await tab.quiet();
  }
  await tab.shows("failed: the worker failed, as it was asked to");
  const log = await tab.isRight();
  assert.deepEqual(outcomes(log), ["failed", "failed", "failed", "completed"]);
  await tab.page.reload();
  await tab.live();
  await tab.isRight();
});

test("prompts that queue, and two tabs that are cut all the time", async (world) => {
  const one = await world.open();
  const two = await world.open(`/?session=${await one.session()}`);
  for (let n = 1; n <= 3; n += 1) {
    await one.say(`/long ${10 + n}`);
    await two.say(`/long ${20 + n}`);
    await one.comesBackAfter(() => two.comesBackAfter(() => world.server.cutEverything()));
  }
  await one.until(() => document.querySelectorAll("#chat .prompt").length === 6);
  await Promise.all([one.quiet(), two.quiet()]);
  await two.isRight();
  const log = await one.isRight();
  assert.deepEqual(prompts(log).sort(), [11, 12, 13, 21, 22, 23].map((n) => `/long ${n}`));
  for (const { d, seq } of log.filter(({ entry }) => entry === "prompt")) assert.equal(said(log, seq), upTo(Number(d.split(" ")[1])));
});

examples(test, PATIENCE);

const PROGRAM = program();
const BROWSER = browserPath();
const wanted = process.argv.slice(2);
const chosen = tests.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];

let failed = 0;

async function hold({ name, run, backForwardCache, flags }) {
  const folder = mkdtempSync(join(tmpdir(), "outlive-browser-"));
  const world = new World();
  let why = null;
  let browser;
  try {
    const without = backForwardCache ? { ignoreDefaultArgs: ["--disable-back-forward-cache"] } : {};
    browser = await chromium.launch({ executablePath: BROWSER, args, ...without });
    world.context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    await world.context.addInitScript(keepLinks);
    world.server = await Server.create(folder, typeof flags === "function" ? await flags(world, folder) : flags);
    await run(world);
    if (world.errors.length > 0) why = world.errors.join("\n");
  } catch (error) {
    why = `${error.stack ?? error}\n${world.errors.join("\n")}`;
    for (const { page } of world.tabs) {
      const seen = await page.evaluate(() => document.body.innerText).catch((gone) => gone.message);
      why += `\n--- a tab shows:\n${seen.length > 3_000 ? `${seen.slice(0, 1_500)}\n[…]\n${seen.slice(-1_500)}` : seen}`;
    }
    why += `\n--- the server says:\n${world.server?.output.slice(-1000)}`;
  }
  if (process.env.SHOTS) {
    mkdirSync(process.env.SHOTS, { recursive: true });
    for (const [n, { page }] of world.tabs.entries()) {
      const path = join(process.env.SHOTS, `${name.replace(/\W+/g, "-")}-${n + 1}.png`);
      await page.screenshot({ path }).catch(() => {});
    }
  }
  await browser?.close();
  await world.server?.close();
  await world.stage?.close();
  rmSync(folder, { recursive: true, force: true });
  console.log(`${why === null ? "ok    " : "FAILED"}  ${name}`);
  if (why !== null) {
    failed += 1;
    console.log(why.replace(/^/gm, "        "));
  }
}

const left = [...chosen];
const job = async () => {
  for (let next = left.shift(); next; next = left.shift()) await hold(next);
};
await Promise.all(Array.from({ length: Number(process.env.JOBS ?? 4) }, job));
console.log(`${chosen.length - failed} of ${chosen.length} hold, in ${execFileSync(BROWSER, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()}`);
process.exit(failed > 0 || chosen.length === 0 ? 1 : 0);
