// Holds machine.js against the steps that the Rust machine took. Run with `node clients/js/test.mjs`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Link, waitMs } from "./machine.js";
import { Seat } from "./seat.js";
import { connect, createSession, storageIn } from "./outlive.js";

const vectors = JSON.parse(readFileSync(new URL("./vectors.json", import.meta.url), "utf8"));
let steps = 0;
for (const [w, walk] of vectors.walks.entries()) {
  const link = new Link(walk.saved, vectors.settings);
  for (const [s, expected] of walk.steps.entries()) {
    const { trigger, rules, effects, refusal } = link.step(expected.event);
    const got = { event: expected.event, trigger, rules, state: link.state };
    if (refusal) got.refusal = refusal.reason;
    assert.deepEqual({ ...got, effects, saved: link.saved() }, expected, `walk ${w}, step ${s}`);
    steps += 1;
  }
}

assert.equal(waitMs({ between: { least_ms: 0, most_ms: 999 } }, 0.9999, null), 999);
assert.equal(waitMs({ since: { ms: 1000 } }, 0.5, 400), 600);
assert.equal(waitMs({ since: { ms: 1000 } }, 0.5, null), 0);

// A socket, a clock and a page to play with.
class FakeSocket {
  static all = [];
  constructor(address, protocols) {
    Object.assign(this, { address, protocols, sent: [], closed: false });
    FakeSocket.all.push(this);
  }
  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.closed = true; }
  tell(frame) { this.onmessage({ data: JSON.stringify(frame) }); }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const settled = async () => { for (let turns = 0; turns < 20; turns += 1) await turn(); };
const clock = { now: 0, timers: [] };
const advance = async (ms) => {
  const until = clock.now + ms;
  for (;;) {
    clock.timers.sort((one, other) => one.at - other.at);
    if (clock.timers.length === 0 || clock.timers[0].at > until) break;
    const { at, run } = clock.timers.shift();
    clock.now = Math.max(clock.now, at);
    run();
    await settled();
  }
  clock.now = until;
  await settled();
};
const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
const browser = Object.assign(new EventTarget(), { navigator: { onLine: true } });
const storage = storageIn(null, "test");
const options = (more) => ({
  url: "wss://example.net", session: "s_1", client: "c_1", WebSocket: FakeSocket, storage, document: page,
  window: browser, now: () => clock.now, random: () => 0.5,
  setTimeout: (run, ms) => {
    // As browsers and Node have it: what is too long fires at once.
    const timer = { at: clock.now + (ms > 2 ** 31 - 1 ? 1 : ms), run };
    clock.timers.push(timer);
    return timer;
  },
  clearTimeout: (timer) => { clock.timers = clock.timers.filter((other) => other !== timer); },
  ...more,
});
const welcome = (more) => ({
  t: "welcome", connection: "1", log: "9f3a", head: 2, base: 0, state: "ACTIVE", incarnation: 1, turn: null,
  queue: [], asks: [], high: null, outcome: "fresh", ping_ms: 25000, ...more,
});
const ev = (seq) => ({ t: "ev", id: `9f3a.${seq}`, entry: "output", turn: 1, d: seq });

const applied = [];
const news = [];
const client = connect(options({
  token: async () => "secret",
  apply: async (update) => { await turn(); applied.push(update.kind === "entry" ? update.seq : update.kind); },
  notify: (what) => news.push(what.kind),
}));
await advance(0);
const first = FakeSocket.all[0];
assert.equal(first.address, "wss://example.net/sessions/s_1/ws");
assert.deepEqual(first.protocols, ["outlive.v1"]);
first.onopen();
await settled();
assert.deepEqual(first.sent, [{ t: "attach", client: "c_1", token: "secret" }]);
const accepted = client.prompt({ text: "hello" });
first.tell(welcome());
assert.deepEqual(first.sent[1], { t: "prompt", n: 1, d: { text: "hello" } });
first.tell(ev(1));
first.tell(ev(2));
await advance(1);
assert.deepEqual(applied, ["anew", 1, 2]);
assert.equal(client.state, "LIVE");
assert.equal(client.cursor, "9f3a.2");

// The answer is lost with the socket; a prompt that the server has is not sent again.
first.onclose({ code: 1006 });
first.tell(ev(3)); // an old socket is not heard
await advance(1000);
const second = FakeSocket.all[1];
second.onopen();
await settled();
assert.equal(second.sent[0].cursor, "9f3a.2");
second.tell(welcome({ high: 1, head: 3, outcome: { resumed: { from: 3 } } }));
// A number alone settles nothing: the prompt goes again under its own, and the server knows which one it has.
assert.deepEqual(second.sent.slice(1), [first.sent.at(-1)]);
second.tell({ t: "accepted", n: 1, seq: 2, again: true, incarnation: 1 });
assert.deepEqual(await accepted, { n: 1, seq: 2 });
second.tell(ev(3));
await advance(1);
assert.deepEqual(applied, ["anew", 1, 2, 3]);

// Hidden, and back: the same socket, asked whether it lives; it does not.
page.visibilityState = "hidden";
page.dispatchEvent(new Event("visibilitychange"));
assert.deepEqual(second.sent.at(-1), { t: "suspend", seen: 3 });
assert.equal(client.state, "HIDDEN");
page.visibilityState = "visible";
page.dispatchEvent(new Event("visibilitychange"));
assert.deepEqual(second.sent.slice(-2).map((frame) => frame.t), ["ping", "resume"]);
await advance(6000);
assert.equal(second.closed, true);

// A refusal is for the one who prompted, and says why.
await advance(1000);
const third = FakeSocket.all.at(-1);
third.onopen();
await settled();
third.tell(welcome({ high: 1, head: 3, outcome: { resumed: { from: 4 } } }));
const refused = client.prompt("too many");
third.tell({ t: "refused", what: "prompt", n: 2, reason: "queue_full", rule: "P5", message: "no" });
await assert.rejects(refused, { reason: "queue_full", rule: "P5" });
client.interrupt(1);
assert.deepEqual(third.sent.at(-1), { t: "interrupt", turn: 1 });

// Refused by a server that leaves, or whose store does not answer: it waits, and goes again under its number.
const kept = client.prompt("keep me");
let last = third;
for (const reason of ["draining", "unavailable"]) {
  assert.deepEqual(last.sent.at(-1), { t: "prompt", n: 2, d: "keep me" });
  last.tell({ t: "refused", what: "prompt", n: 2, reason, message: "not now" });
  assert.deepEqual([last.closed, client.state, client.waiting.length], [true, "BACKING_OFF", 1]);
  await advance(999);
  assert.equal(FakeSocket.all.at(-1), last, "it is not dialled at once");
  await advance(2000);
  last = FakeSocket.all.at(-1);
  last.onopen();
  await settled();
  last.tell(welcome({ high: 1, head: 3, outcome: { resumed: { from: 4 } } }));
}
last.tell({ t: "accepted", n: 2, seq: 4, again: false, incarnation: 1 });
assert.deepEqual([await kept, client.waiting], [{ n: 2, seq: 4 }, []]);
// A reason that this client does not know is final.
const unknown = client.prompt("on a monday");
last.tell({ t: "refused", what: "prompt", n: 3, reason: "monday", message: "not today" });
await assert.rejects(unknown, { reason: "monday" });

// Sent away: what waits fails, and nothing comes back by itself.
const dialled = FakeSocket.all.length;
const pending = client.prompt("late");
last.onclose({ code: 4003, reason: "" });
await assert.rejects(pending, { reason: "closed", code: 4003 });
await advance(100000);
assert.equal(client.state, "STOPPED");
assert.equal(FakeSocket.all.length, dialled);
await assert.rejects(client.prompt("nobody listens"), { reason: "not_started" });
assert.throws(() => client.interrupt(1), { reason: "not_started" });
assert.ok(news.includes("closed") && news.includes("caught_up"));

// Sent away, and not for good: what waits is kept, and goes with the next token.
for (const code of [4001, 4010]) {
  const told = [];
  let token = "expired";
  const store = storageIn(null, "pause");
  const notify = (what) => told.push(what);
  const client = connect(options({ apply() {}, notify, token: () => token, storage: store }));
  const dialled = async () => {
    await advance(1000);
    const socket = FakeSocket.all.at(-1);
    socket.onopen();
    await settled();
    return socket;
  };
  const before = await dialled();
  before.tell(welcome({ head: 0 }));
  await advance(1);
  before.onclose({ code: 1006 });
  const typed = client.prompt("typed");
  (await dialled()).onclose({ code, reason: "" });
  assert.deepEqual([client.state, client.waiting.map(({ body }) => body)], ["STOPPED", ["typed"]]);
  assert.deepEqual(store.load().link.outbox, [1]);
  assert.deepEqual([told.at(-2).kind, told.at(-2).code], ["closed", code]);
  assert.ok(!told.some(({ kind }) => kind === "failed"));
  const dials = FakeSocket.all.length;
  await advance(100000);
  assert.equal(FakeSocket.all.length, dials, "nothing comes back by itself");
  token = "fresh";
  client.start();
  const after = await dialled();
  assert.equal(after.sent[0].token, "fresh");
  after.tell(welcome({ head: 0, outcome: { resumed: { from: 1 } } }));
  assert.deepEqual(after.sent.at(-1), { t: "prompt", n: 1, d: "typed" });
  after.tell({ t: "accepted", n: 1, seq: 1, again: false, incarnation: 1 });
  assert.deepEqual(await typed, { n: 1, seq: 1 });
  client.stop();
}

// What waits when the page dies is sent by the next one, under its number.
const dying = connect(options({ apply() {} }));
dying.prompt({ text: "keep me" }).catch(() => {});
const next = connect(options({ apply() {} }));
await advance(1000);
const fourth = FakeSocket.all.at(-1);
fourth.onopen();
await settled();
fourth.tell(welcome({ high: 1 }));
assert.deepEqual(fourth.sent.at(-1), { t: "prompt", n: 2, d: { text: "keep me" } });
dying.stop();
next.stop();

// Hidden, and it listens all the same; who comes back has the socket asked whether it lives.
{
  const shown = [];
  const page = Object.assign(new EventTarget(), { visibilityState: "hidden" });
  const apply = (update) => { shown.push(update.kind); };
  const storage = storageIn(null, "listens");
  const listener = connect(options({ apply, storage, document: page, listensWhenHidden: true }));
  await advance(1000);
  const socket = FakeSocket.all.at(-1);
  socket.onopen();
  await settled();
  socket.tell(welcome({ head: 0 }));
  await advance(1);
  page.visibilityState = "visible";
  page.dispatchEvent(new Event("visibilitychange"));
  assert.equal(socket.sent.at(-1).t, "ping");
  socket.tell({ t: "pong" });
  page.visibilityState = "hidden";
  page.dispatchEvent(new Event("visibilitychange"));
  socket.tell(ev(1));
  await advance(1);
  assert.deepEqual([listener.state, shown], ["LIVE", ["anew", "entry"]]);
  assert.deepEqual(socket.sent.map((frame) => frame.t), ["attach", "ping"]);
  listener.stop();
}

// What has no JSON, or what the storage does not take, is refused at once and stands in nobody's way.
{
  const full = { value: null, least: Infinity, load() { return this.value; }, save(value) {
    const text = JSON.stringify(value);
    if (text.length > this.least) throw new Error("QuotaExceededError");
    this.value = JSON.parse(text);
  } };
  const client = connect(options({ apply() {}, storage: full }));
  await advance(1000);
  const socket = FakeSocket.all.at(-1);
  socket.onopen();
  await settled();
  socket.tell(welcome());
  await advance(1);
  const before = JSON.stringify(full.value);
  const cyclic = {};
  cyclic.self = cyclic;
  const without = [undefined, () => {}, Symbol("s"), NaN, 10n, cyclic, { toJSON() {} }, new Date(NaN)];
  for (const body of without) {
    await assert.rejects(client.prompt(body), { name: "OutliveError", reason: "no_json" });
    assert.throws(() => client.answer(1, body), { reason: "no_json" });
  }
  full.least = before.length + 100;
  await assert.rejects(client.prompt("x".repeat(200)), { reason: "not_kept" });
  assert.deepEqual([client.waiting, JSON.stringify(full.value)], [[], before]);
  const text = { text: "as it was" };
  const answers = [null, false, 0, "", text].map((body) => client.prompt(body));
  text.text = "later";
  for (const [at, d] of [null, false, 0, "", { text: "as it was" }].entries()) {
    assert.deepEqual(socket.sent.at(-1), { t: "prompt", n: at + 1, d });
    socket.tell({ t: "accepted", n: at + 1, seq: at + 1, again: false, incarnation: 1 });
    assert.deepEqual(await answers[at], { n: at + 1, seq: at + 1 });
  }
  client.answer(1, null);
  assert.deepEqual(socket.sent.at(-1), { t: "answer", ask: 1, d: null });
  client.stop();
  await assert.rejects(client.prompt("nobody listens"), { reason: "not_started" });
  assert.deepEqual([full.value.bodies, full.value.link.outbox], [{}, []]);
}

// A stop is for the life that runs, also when it is not the one of the welcome.
{
  const client = connect(options({ apply() {}, storage: storageIn(null, "lives") }));
  assert.equal(client.incarnation, null);
  const lives = async (more) => {
    await advance(1000);
    const socket = FakeSocket.all.at(-1);
    socket.onopen();
    await settled();
    socket.tell(welcome(more));
    return socket;
  };
  const one = await lives({ head: 0 });
  const stopped = () => (client.stopSession(), one.sent.at(-1));
  const ends = (seq, incarnation) => {
    one.tell({ t: "ev", id: `9f3a.${seq}`, entry: "closing", why: "stopped", incarnation });
    assert.deepEqual(stopped(), { t: "stop", incarnation });
    one.tell({ t: "ev", id: `9f3a.${seq + 1}`, entry: "end", why: "stopped", incarnation });
  };
  assert.deepEqual(stopped(), { t: "stop", incarnation: 1 });
  ends(1, 1);
  one.tell({ ...ev(3), entry: "prompt", client: "c_1", n: 1 });
  assert.deepEqual(stopped(), { t: "stop", incarnation: 2 });
  ends(4, 2);
  assert.equal(client.incarnation, 3);
  // A prompt that ended a closeout is accepted before its entries, and the end before them, are read.
  const accepted = client.prompt("at once");
  one.tell({ t: "accepted", n: 1, seq: 9, again: false, incarnation: 4 });
  await accepted;
  assert.deepEqual(stopped(), { t: "stop", incarnation: 4 });
  client.stopSession(1);
  assert.deepEqual(one.sent.at(-1), { t: "stop", incarnation: 1 });
  await advance(1);
  // It has ended while nobody was here: a prompt begins the next life. What is read again is of earlier ones.
  one.onclose({ code: 1006 });
  const two = await lives({ head: 6, state: "ENDED", incarnation: 5, outcome: { reset: { why: "log_changed" } } });
  two.tell({ t: "ev", id: "9f3a.1", entry: "end", why: "stopped", incarnation: 1 });
  assert.equal(client.incarnation, 5);
  client.stop();
}

// What can never work is said at once, and what was wrong with it.
for (const [more, said] of [
  [{ url: "foo" }, /url is "foo"; .*wss:/], [{ url: undefined }, /url is undefined/], [{ url: "ftp://a" }, /url/],
  [{ url: "wss://a?b" }, /url/], [{ url: "https://" }, /url/], [{ session: undefined }, /session is undefined/],
  [{ session: "" }, /session is ""/], [{ apply: undefined }, /apply is undefined/], [{ notify: "log" }, /notify/],
  [{ storage: {} }, /storage/], [{ WebSocket: undefined }, /WebSocket is undefined; .*"ws"/],
]) {
  assert.throws(() => connect(options({ apply() {}, ...more })), { name: "TypeError", message: said });
}
assert.throws(() => connect({}), { name: "TypeError" });
assert.throws(() => connect(), { name: "TypeError" });

// Each dial that comes to nothing says why.
{
  const why = [];
  const notify = (told) => { if (told.kind === "unreached") why.push(told.why.replace(/^wss.*ws: /, "")); };
  let broken = false;
  class Fails extends FakeSocket {
    constructor(...args) {
      if (broken) throw new Error("insecure");
      super(...args);
    }
  }
  const client = connect(options({ apply() {}, notify, WebSocket: Fails, storage: storageIn(null, "dials") }));
  const dialled = async () => {
    await advance(1000);
    return FakeSocket.all.at(-1);
  };
  let socket = await dialled();
  socket.onerror({ message: "connect ECONNREFUSED" });
  socket.onclose({ code: 1006, reason: "" });
  socket = await dialled();
  socket.onclose({ code: 1006, reason: "" });
  broken = true;
  await advance(3000);
  broken = false;
  while (why.at(-1) === "insecure") await advance(5000);
  assert.deepEqual([why.shift(), why.shift(), why[0], why.at(-1)],
    ["connect ECONNREFUSED (1006)", "no reason was given (1006)", "insecure", "no welcome in time"]);
  while (client.state !== "CONNECTING") await advance(1000);
  socket = FakeSocket.all.at(-1);
  socket.onopen();
  socket.onclose({ code: 1013, reason: "busy" });
  assert.equal(why.at(-1), "busy (1013)");
  const before = why.length;
  client.stop();
  socket.onclose({ code: 1006 });
  assert.equal(why.length, before);
}

// Malformed frames are passed over in every state, and every word of a welcome is known. The corpus is the Rust client's.
const corpus = JSON.parse(readFileSync(new URL("../../tests/wire/server-frames.json", import.meta.url), "utf8"));
{
  let fed = [];
  const told = [];
  const shown = [];
  const client = connect(options({
    apply: (update) => { shown.push(update.kind); }, notify: ({ kind }) => { if (kind !== "state") told.push(kind); },
    trace: ({ event }) => { fed.push(event.event); }, storage: storageIn(null, "frames"),
  }));
  await advance(1000);
  const socket = FakeSocket.all.at(-1);
  socket.onopen();
  await settled();
  const tellMalformed = () => {
    fed = [];
    for (const { text, why } of corpus.malformed) {
      socket.sent = [];
      socket.onmessage({ data: text });
      socket.tell({ t: "ping" });
      assert.deepEqual([fed, socket.sent], [[], [{ t: "pong" }]], `${why}: ${text}`);
    }
    for (const data of [new ArrayBuffer(2), Buffer.from('{"t":"pong"}'), new Blob(["{}"]), null, undefined, 5]) {
      socket.onmessage({ data });
      assert.deepEqual(fed, []);
    }
  };
  tellMalformed();
  socket.onmessage({ data: corpus.welcomes[0].text });
  const prompt = client.prompt("one");
  tellMalformed();
  socket.tell({ t: "accepted", n: 1, seq: 1, again: false, incarnation: 2 });
  assert.deepEqual(await prompt, { n: 1, seq: 1 });
  socket.tell(ev(1));
  await advance(1);
  assert.deepEqual(shown, ["anew", "entry"]);
  assert.deepEqual(told, ["welcome", "accepted", "caught_up"]);
  assert.equal(client.incarnation, 2);
  client.stop();
}
{
  const client = connect(options({ apply() {}, storage: storageIn(null, "entries") }));
  await advance(1000);
  const socket = FakeSocket.all.at(-1);
  socket.onopen();
  await settled();
  socket.tell(welcome({ head: 0 }));
  for (const { text, incarnation } of corpus.entries) {
    socket.onmessage({ data: text });
    await settled();
    assert.deepEqual([client.cursor, client.incarnation], [JSON.parse(text).id, incarnation], text);
  }
  client.stop();
}
for (const { text } of corpus.welcomes) {
  const told = [];
  const notify = ({ kind }) => told.push(kind);
  const client = connect(options({ apply() {}, notify, storage: storageIn(null, "words") }));
  await advance(1000);
  const socket = FakeSocket.all.at(-1);
  socket.onopen();
  await settled();
  socket.onmessage({ data: text });
  assert.ok(told.includes("welcome"), text);
  client.stop();
}
// What the application does in `trace` stays its own.
{
  const client = connect(options({ apply() {}, trace() { throw new Error("mine"); }, storage: storageIn(null, "trace") }));
  await advance(1000);
  assert.equal(client.state, "CONNECTING");
  client.stop();
}

const attached = async (more = {}) => {
  while (FakeSocket.all.at(-1).onopen === undefined) await advance(100);
  const socket = FakeSocket.all.at(-1);
  socket.onopen();
  await settled();
  socket.tell(welcome({ head: 0, ...more }));
  await advance(1);
  return socket;
};

// An asynchronous storage: a prompt counts, and is sent, when it is stored. Whenever the process dies, the next one goes on
// from what is stored.
class SlowStorage {
  calls = [];
  constructor(text = "null") { this.text = text; }
  load() { return this.#later(() => JSON.parse(this.text)); }
  save(value) {
    const text = JSON.stringify(value);
    return this.#later(() => { this.text = text; });
  }
  #later(run) {
    return new Promise((resolve, reject) => {
      this.calls.push((error) => (error ? reject(error) : resolve(run())));
    });
  }
  async answer(error) {
    assert.equal(this.calls.length, 1, "one call at a time");
    this.calls.shift()(error);
    await settled();
  }
  async answerAll() { while (this.calls.length > 0) await this.answer(); }
  get value() { return JSON.parse(this.text); }
}
{
  const slow = new SlowStorage();
  const client = connect(options({ apply() {}, storage: slow, client: undefined }));
  const one = client.prompt("one");
  assert.throws(() => client.interrupt(1), { reason: "not_started" });
  await advance(1000);
  assert.deepEqual([client.state, slow.calls.length], ["STOPPED", 1], "it waits for the storage");
  await slow.answer();
  await advance(1000);
  const socket = FakeSocket.all.at(-1);
  socket.onopen();
  await settled();
  assert.deepEqual(socket.sent[0], { t: "attach", client: client.id });
  socket.tell(welcome());
  assert.deepEqual([client.waiting, socket.sent.length], [[], 1], "what is not stored is not taken");
  await slow.answer(); // it is stored, and the next write says that it may have been sent
  assert.deepEqual([slow.value.link.outbox, slow.value.bodies], [[1], { 1: "one" }]);
  assert.equal(socket.sent.length, 1, "not sent before it is stored that it may have been");
  await slow.answerAll();
  const gone = assert.rejects(client.prompt("gone"), { reason: "not_kept", message: /QuotaExceededError/ });
  await slow.answer(new Error("QuotaExceededError"));
  await gone;
  assert.deepEqual(socket.sent.slice(1), [{ t: "prompt", n: 1, d: "one" }]);
  assert.deepEqual([slow.value.link.tried, slow.value.link.outbox, slow.value.bodies], [true, [1], { 1: "one" }]);
  const three = client.prompt("three");
  await slow.answerAll();
  const died = slow.text;
  socket.tell({ t: "accepted", n: 1, seq: 1, again: false, incarnation: 1 });
  await one;
  await slow.answerAll();
  assert.deepEqual(socket.sent.at(-1), { t: "prompt", n: 2, d: "three" });
  socket.tell({ t: "accepted", n: 2, seq: 2, again: false, incarnation: 1 });
  await three;
  client.stop();
  await slow.answerAll();
  assert.deepEqual([slow.value.link.outbox, slow.value.bodies], [[], {}]);

  const again = new SlowStorage(died);
  const next = connect(options({ apply() {}, storage: again, client: undefined }));
  await again.answer();
  await advance(1000);
  assert.deepEqual([next.id, next.waiting.map(({ body }) => body)], [client.id, ["one", "three"]]);
  const later = await attached({ high: 1, head: 1 });
  await again.answerAll();
  assert.deepEqual(later.sent.at(-1), { t: "prompt", n: 1, d: "one" });
  later.tell({ t: "accepted", n: 1, seq: 1, again: true, incarnation: 1 });
  await again.answerAll();
  assert.deepEqual(later.sent.at(-1), { t: "prompt", n: 2, d: "three" });
  // A connection that breaks while the storage writes: nothing is sent on the next one that was for this one.
  later.onclose({ code: 1006 });
  const four = next.prompt("four");
  await again.answerAll();
  await advance(2000);
  const last = await attached({ high: 2, head: 2 });
  last.tell({ t: "accepted", n: 2, seq: 2, again: true, incarnation: 1 });
  last.onclose({ code: 1006 });
  await again.answerAll();
  // That "four" may be sent was still being stored.
  assert.deepEqual(last.sent.slice(1), [{ t: "prompt", n: 2, d: "three" }]);
  next.stop();
  four.catch(() => {});
  await again.answerAll();
}

// What waits is not written with each entry, and the cursor is: within a second, and when the client leaves.
{
  const ENTRIES = 20_000;
  const body = "x".repeat(200_000);
  const items = new Map();
  let written = 0;
  const browsers = {
    getItem(name) { return items.get(name) ?? null; },
    setItem(name, value) { written += value.length; items.set(name, value); },
    removeItem(name) { items.delete(name); },
  };
  // One of the application's own, which writes everything each time; and one that takes its time for it.
  const own = { value: null, load() { return this.value; }, save(value) {
    const text = JSON.stringify(value);
    written += text.length;
    this.value = JSON.parse(text);
  } };
  const slow = { ...own, async save(value) {
    await turn();
    own.save.call(this, value);
  } };
  // The most that may be written of the bodies: twice for each prompt, and once in a second.
  for (const [storage, most] of [[storageIn(browsers, "tab"), 4], [own, 4 + 20], [slow, 4 + 20]]) {
    written = 0;
    const client = connect(options({ apply() {}, storage, keepsWhatItShows: true }));
    await advance(1000);
    const socket = await attached({ head: ENTRIES });
    const prompt = client.prompt(body);
    await settled();
    await advance(0);
    assert.equal(socket.sent.at(-1).t, "prompt");
    for (let seq = 1; seq <= ENTRIES; seq += 1) {
      socket.tell(ev(seq));
      if (seq % 50 === 0) await advance(50);
    }
    await advance(1000);
    const moved = ENTRIES * 300 / 50;
    assert.ok(written < most * body.length + moved, `${written} characters for a body of ${body.length}`);
    assert.equal((await storage.load()).link.cursor, `9f3a.${ENTRIES}`);
    socket.tell({ ...ev(ENTRIES + 1) });
    socket.tell({ ...ev(ENTRIES + 2) });
    await settled();
    client.stop();
    await settled();
    const kept = await storage.load();
    assert.deepEqual([kept.link.cursor, kept.link.outbox, kept.link.tried], [`9f3a.${ENTRIES + 2}`, [1], true]);
    assert.deepEqual(Object.values(kept.bodies), [body]);
    // The next one goes on from there, and the body goes with its prompt.
    const next = connect(options({ apply() {}, storage, keepsWhatItShows: true }));
    await advance(1000);
    const later = FakeSocket.all.at(-1);
    later.onopen();
    await settled();
    assert.equal(later.sent[0].cursor, `9f3a.${ENTRIES + 2}`);
    later.tell(welcome({ high: 1, head: ENTRIES + 2, outcome: { resumed: { from: ENTRIES + 3 } } }));
    await settled();
    assert.deepEqual(later.sent.at(-1), { t: "prompt", n: 1, d: body });
    later.tell({ t: "accepted", n: 1, seq: ENTRIES + 2, again: true, incarnation: 1 });
    await settled();
    const { link, bodies } = await storage.load();
    assert.deepEqual([link.outbox, link.next, bodies], [[], 2, {}]);
    next.stop();
    prompt.catch(() => {});
  }
  // What is applied after the client was stopped is stored at once: nothing may come after it.
  {
    const dones = [];
    const storage = storageIn(null, "late");
    const apply = () => new Promise((resolve) => dones.push(resolve));
    const client = connect(options({ apply, storage, keepsWhatItShows: true }));
    await advance(1000);
    const socket = await attached({ head: 2 });
    socket.tell(ev(1));
    socket.tell(ev(2));
    client.stop();
    while (dones.length > 0) {
      dones.shift()();
      await settled();
    }
    assert.equal(storage.load().link.cursor, "9f3a.2");
  }
  // The link that is stored beside a value counts for that client only.
  items.set("tab:link", JSON.stringify({ client: "c_other", link: { outbox: [7] } }));
  assert.deepEqual(storageIn(browsers, "tab").load().link.outbox, []);
}

// A stored value of another shape is dropped, and said once; what is there is written anew.
{
  const { warn } = console;
  const good = { client: "c_1", link: { cursor: "9f3a.1", next: 2, tried: true, outbox: [3] }, bodies: { 3: "x" }, ticket: 4 };
  const link = (more) => ({ ...good, link: { ...good.link, ...more } });
  const bad = [
    "text", 5, true, [], {}, { ...good, client: undefined }, { ...good, client: 5 }, { ...good, client: "" },
    { ...good, link: null }, { ...good, link: [] }, { ...good, link: "text" }, { ...good, bodies: undefined },
    { ...good, bodies: null }, { ...good, bodies: [] }, { ...good, bodies: {} }, { ...good, bodies: "3" },
    { ...good, ticket: undefined }, { ...good, ticket: "4" }, { ...good, ticket: 3 }, { ...good, ticket: 0 },
    link({ cursor: 5 }), link({ cursor: "text" }), link({ cursor: {} }), link({ next: 0 }), link({ next: "2" }),
    link({ next: {} }), link({ tried: "yes" }), link({ outbox: undefined }), link({ outbox: "3" }), link({ outbox: {} }),
    link({ outbox: [null] }), link({ outbox: ["3"] }), link({ outbox: [1] }), link({ outbox: [[3]] }),
  ];
  const broken = [() => { throw new Error("SecurityError"); }, () => JSON.parse("{"), async () => { throw new Error("io"); }];
  const loads = [...bad.flatMap((value) => [() => value, async () => value]), ...broken];
  for (const load of loads) {
    const warnings = [];
    const told = [];
    let saved = null;
    console.warn = (text) => warnings.push(text);
    const notify = ({ kind, error }) => { if (kind === "error") told.push(error.reason); };
    const client = connect(options({ apply() {}, notify, storage: { load, save(value) { saved = value; } } }));
    client.prompt("new").catch(() => {});
    await advance(0);
    client.stop();
    client.start();
    await advance(0);
    console.warn = warn;
    assert.deepEqual([told, warnings.length, saved.bodies], [["not_readable"], 1, { 1: "new" }], String(load));
    assert.match(warnings[0], /^outlive: what is stored for the session s_1 is dropped: /);
    client.stop();
  }
  for (const load of [() => good, async () => good, () => null, () => undefined, async () => null]) {
    const told = [];
    const notify = ({ kind, error }) => { if (kind === "error") told.push(error); };
    const client = connect(options({ apply() {}, notify, storage: { load, save() {} } }));
    await advance(0);
    assert.deepEqual([told, client.waiting.length], [[], (await load()) ? 1 : 0]);
    assert.notEqual(client.state, "STOPPED");
    client.stop();
  }
}

// Without crypto a name must be given, or stored.
{
  const own = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  Object.defineProperty(globalThis, "crypto", { value: undefined, configurable: true });
  const named = connect(options({ apply() {}, storage: new SlowStorage() }));
  assert.equal(named.id, "c_1");
  named.stop();
  const store = storageIn(null, "named");
  store.save({ client: "c_9", link: { outbox: [] }, bodies: {}, ticket: 1 });
  const stored = connect(options({ apply() {}, storage: store, client: undefined }));
  assert.equal(stored.id, "c_9");
  stored.stop();
  assert.throws(() => connect(options({ apply() {}, storage: storageIn(null, "x"), client: undefined })),
    { name: "TypeError", message: /client is undefined; .*crypto/ });
  Object.defineProperty(globalThis, "crypto", own);
}

// As in React Native: no document, a window without events, no crypto, an asynchronous storage. AppState and NetInfo say
// what a browser's events say elsewhere.
{
  const own = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  Object.defineProperty(globalThis, "crypto", { value: undefined, configurable: true });
  let text = null;
  const storage = {
    load: async () => JSON.parse(text),
    save: async (value) => { await turn(); text = JSON.stringify(value); },
  };
  const native = { storage, client: "phone-1", document: undefined, window: {}, apply() {} };
  const client = connect(options(native));
  await settled();
  await advance(0);
  const socket = await attached({ head: 0 });
  client.hide();
  await settled();
  assert.deepEqual([client.state, socket.sent.at(-1)], ["HIDDEN", { t: "suspend", seen: 0 }]);
  client.show();
  await settled();
  assert.equal(socket.sent.at(-1).t, "resume");
  socket.onclose({ code: 1006 });
  const prompt = client.prompt("typed");
  assert.deepEqual(client.waiting, [], "not before it is stored");
  await settled();
  assert.deepEqual(client.waiting, [{ ticket: 1, body: "typed" }]);
  // The system ends the process here. The next one has the prompt.
  const next = connect(options(native));
  next.online();
  await settled();
  assert.deepEqual(next.waiting, [{ ticket: 1, body: "typed" }]);
  for (const one of [client, next]) one.stop();
  prompt.catch(() => {});
  Object.defineProperty(globalThis, "crypto", own);
}

// The clock is set, back and forth: a server that says nothing is given up, and dialled again, all the same.
const HOUR = 3_600_000;
for (const jumps of [[-HOUR], [HOUR], [-HOUR, HOUR], [HOUR, -HOUR], [-HOUR, -HOUR]]) {
  let skew = 0;
  const client = connect(options({ apply() {}, storage: storageIn(null, "set"), now: () => clock.now + skew }));
  await advance(1000);
  let socket = await attached();
  for (const jump of jumps) {
    skew += jump;
    for (let heard = 0; heard < 3; heard += 1) {
      socket.tell({ t: "ping" });
      await advance(25_000);
    }
    assert.equal(socket, FakeSocket.all.at(-1), "a server that pings is kept");
    skew += jump;
    await advance(2 * 62_500 + 5_000 + 2_000);
    assert.notEqual(socket, FakeSocket.all.at(-1), `${jumps}: it does not come back`);
    skew += jump;
    while (client.state !== "CONNECTING") await advance(1000);
    socket = await attached({ outcome: { reset: { why: "log_changed" } } });
    skew += jump;
    page.dispatchEvent(new Event("visibilitychange"));
    socket.tell({ t: "pong" });
    skew += jump;
    const dials = FakeSocket.all.length;
    socket.onclose({ code: 1006 });
    await advance(2_000);
    assert.equal(FakeSocket.all.length, dials + 1, `${jumps}: it does not dial`);
    socket = await attached({ outcome: { reset: { why: "log_changed" } } });
  }
  client.stop();
}

// No wait is longer than a timer can be, and none ends at once because it is.
{
  const client = connect(options({ apply() {}, storage: storageIn(null, "long") }));
  await advance(1000);
  const socket = await attached({ ping_ms: 864_000_000 });
  let fired = 0;
  for (const timer of clock.timers) {
    const { run } = timer;
    timer.run = () => { fired += 1; run(); };
  }
  await advance(HOUR);
  assert.equal(client.state, "LIVE");
  assert.ok(fired <= 2, `${fired}: only the timers of a stable connection and of a cursor that moved`);
  socket.tell({ t: "goaway", retry_after_ms: [4_000_000_000, 4_294_967_295] });
  socket.onclose({ code: 1012 });
  const dials = FakeSocket.all.length;
  await advance(24 * 24 * HOUR);
  assert.equal(FakeSocket.all.length, dials, "it is left alone");
  await advance(2 ** 31 - 24 * 24 * HOUR);
  assert.equal(FakeSocket.all.length, dials + 1, "not for longer than a timer can wait");
  client.stop();
}

// Whatever the server says, there is a second between two dials.
for (const code of [1001, 1006, 1012, 1013, 4208, 4300]) {
  const at = [];
  class Dated extends FakeSocket {
    constructor(...args) {
      super(...args);
      at.push(clock.now);
    }
  }
  const client = connect(options({
    apply() {}, storage: storageIn(null, "spacing"), random: () => 0, WebSocket: Dated,
  }));
  for (let dials = 1; dials < 20; dials += 1) {
    while (at.length < dials) await advance(10);
    const socket = FakeSocket.all.at(-1);
    socket.onopen();
    await settled();
    if (dials % 2) socket.tell(welcome({ head: 0, outcome: { reset: { why: "log_changed" } } }));
    socket.tell({ t: "goaway", retry_after_ms: [0, 0] });
    socket.onclose({ code });
  }
  for (const [dial, when] of at.entries()) assert.ok(dial === 0 || when - at[dial - 1] >= 1000, `${code}: ${at}`);
  client.stop();
}

// The clock of the day is not looked at.
{
  const { now } = Date;
  Date.now = () => { throw new Error("the clock of the day"); };
  const own = options({ apply() {}, storage: storageIn(null, "day") });
  delete own.now;
  const client = connect(own);
  Date.now = now;
  assert.equal(client.state, "BACKING_OFF");
  client.stop();
}

// An application that is slower than the server: the client hangs up, and is back at its cursor when all is applied.
for (const [backlog, length, most] of [
  [{ entries: 10 }, 1, 11], [{ bytes: 20_000 }, 1000, 11], [{ entries: 1, bytes: 1 }, 1000, 2], [undefined, 1, 4097],
]) {
  const ENTRIES = backlog ? 3 * most : most + 9;
  const shown = [];
  const told = [];
  let handed = 0; // by the server, as far as the client was connected
  let done = null;
  const client = connect(options({
    backlog, storage: storageIn(null, "slow"), notify: ({ kind, entries }) => told.push([kind, entries]),
    apply: (update) => new Promise((resolve) => { done = () => { shown.push(update.seq); done = null; resolve(); }; }),
  }));
  await advance(1000);
  for (let connections = 1; shown.length < ENTRIES + 1; connections += 1) {
    assert.ok(connections < 20, "it goes on");
    while (client.state !== "CONNECTING") await advance(100);
    const socket = FakeSocket.all.at(-1);
    socket.onopen();
    await settled();
    const { cursor } = socket.sent[0];
    assert.equal(cursor, client.cursor ?? undefined, "it is back at its cursor");
    const from = cursor ? Number(cursor.split(".")[1]) + 1 : 1;
    assert.equal(from - 1, shown.filter(Boolean).length);
    socket.tell(welcome({ head: ENTRIES, outcome: cursor ? { resumed: { from } } : "fresh" }));
    for (let seq = from; seq <= ENTRIES; seq += 1) {
      socket.tell({ ...ev(seq), d: "x".repeat(length) });
      if (socket.closed) {
        handed = Math.max(handed, seq - from + 1);
        break;
      }
    }
    const dials = FakeSocket.all.length;
    await advance(0);
    while (done) {
      if (socket.closed && backlog) {
        client.online();
        await advance(5000);
      }
      assert.equal(FakeSocket.all.length, dials, "it does not dial before all is applied");
      done();
      for (let turns = 0; turns < 3; turns += 1) await turn();
    }
  }
  assert.deepEqual(shown, [undefined, ...Array.from({ length: ENTRIES }, (_, at) => at + 1)], "in order, and once");
  const behind = told.filter(([kind]) => kind === "behind").map(([, entries]) => entries);
  assert.ok(behind.length >= (backlog ? 2 : 1), `${behind}`);
  assert.ok(handed <= most && Math.max(...behind) <= most, `${handed}, ${behind} of ${most}`);
  assert.equal(client.state, "LIVE");
  client.stop();
}
for (const backlog of [{ entries: 0 }, { bytes: -1 }, { entries: "10" }, { bytes: NaN }]) {
  assert.throws(() => connect(options({ apply() {}, backlog })), { name: "TypeError", message: /backlog\./ });
}

// A dial that fails with an error is over, whether or not a close follows, and once.
for (const closes of [false, true]) {
  const why = [];
  const fed = [];
  const client = connect(options({
    apply() {}, storage: storageIn(null, "errors"), notify: (told) => { if (told.kind === "unreached") why.push(told.why); },
    trace: ({ event, trigger }) => { if ("socket" in event) fed.push(trigger); },
  }));
  for (let dials = 1; dials <= 3; dials += 1) {
    while (client.state !== "CONNECTING") await advance(100);
    const socket = FakeSocket.all.at(-1);
    socket.onerror({ message: "connect ECONNREFUSED" });
    assert.equal(client.state, "BACKING_OFF", "it is not waited for");
    if (closes) socket.onclose({ code: 1006, reason: "" });
    assert.equal(why.length, dials);
  }
  assert.equal(fed.filter((trigger) => trigger === "LOST").length, 3);
  // An open connection waits for its close, which says more.
  while (client.state !== "CONNECTING") await advance(100);
  const socket = await attached();
  socket.onerror({});
  assert.equal(client.state, "LIVE");
  socket.onclose({ code: 4001, reason: "" });
  assert.equal(client.state, "STOPPED");
}

// A library's name for a close code that it does not know: the client comes back.
{
  const client = connect(options({ apply() {}, storage: storageIn(null, "qt") }));
  await advance(1000);
  (await attached()).onclose({ code: 1002, reason: "" });
  assert.equal(client.state, "BACKING_OFF");
  client.stop();
}

const answer = { ok: true, json: async () => ({ session: "s_9" }) };
const fetch = async (address) => (assert.equal(address, "https://example.net/sessions"), answer);
assert.equal(await createSession("wss://example.net/", { fetch }), "s_9");
{
  const says = (status, json) => ({ fetch: async () => ({ ok: status < 300, status, json }) });
  const made = (of) => createSession("https://example.net", of);
  const known = { error: "unauthorized", message: "you are not known" };
  await assert.rejects(made(says(401, async () => known)),
    { reason: "unauthorized", message: "no session: you are not known", status: 401 });
  const html = async () => JSON.parse("<html>");
  await assert.rejects(made(says(502, html)), { reason: "unavailable", message: "no session: HTTP 502", status: 502 });
  await assert.rejects(made(says(200, html)), { reason: "unavailable", message: /no server of sessions/ });
  await assert.rejects(made({ fetch: async () => { throw new TypeError("fetch failed"); } }),
    { reason: "unavailable", message: /not reached: fetch failed/ });
  await assert.rejects(createSession("foo"), { name: "TypeError", message: /url is "foo"/ });
}

// Who a page is, when its storage may be a copy of another one's.
{
  const held = new Set();
  const locks = {
    async request(name, { ifAvailable }, hold) {
      if (held.has(name)) {
        assert.ok(ifAvailable, "nobody waits for a page that lives");
        return hold(null);
      }
      held.add(name);
      await hold({ name });
      held.delete(name);
    },
  };
  const pageOf = (items) => ({
    items,
    getItem(name) { return items.get(name) ?? null; },
    setItem(name, value) { items.set(name, value); },
    removeItem(name) { items.delete(name); },
  });
  const seatIn = (items, of = locks) => new Seat(pageOf(items), "seat", of);
  const tab = new Map();
  const first = seatIn(tab);
  first.take("c_1");
  assert.equal(await first.isTaken(), false, "nobody was here");
  const copy = new Map(tab);
  const second = seatIn(copy);
  second.take("c_1");
  assert.equal(await second.isTaken(), true, "the page that was duplicated lives");
  second.take("c_2");
  assert.deepEqual([copy.get("seat"), await second.isTaken()], ["c_2", false]);
  first.leave();
  const reloaded = seatIn(tab);
  reloaded.take("c_1");
  assert.equal(await reloaded.isTaken(), false, "the page before has gone");
  held.clear(); // it crashes: the mark stays, the lock does not
  const restored = seatIn(new Map(tab));
  restored.take("c_1");
  assert.equal(await restored.isTaken(), false, "the page before has crashed");
  const without = seatIn(new Map(tab), null);
  without.take("c_1");
  assert.equal(await without.isTaken(), false, "where there are no locks, nobody lives");
}

// A line that takes longer for one entry than the client waits. It sees nothing of it until it is there, so after
// each silence it waits twice as long.
{
  const seen = [];
  const slow = connect(options({ client: "c_slow", storage: storageIn(null, "slow"), apply: (update) => { seen.push(update.kind); } }));
  const dial = async () => {
    await advance(0);
    while (slow.state !== "CONNECTING") await advance(100);
    const socket = FakeSocket.all.at(-1);
    socket.onopen();
    await settled();
    socket.tell(welcome({ head: 1 }));
    return socket;
  };
  const silence = async (socket) => {
    const since = clock.now;
    while (!socket.closed) await advance(100);
    return clock.now - since;
  };
  assert.equal(await silence(await dial()), 62500);
  const passes = await dial();
  await advance(84000);
  assert.equal(passes.closed, false, "a silence was too short, and the next one may be longer");
  passes.tell(ev(1));
  await settled();
  assert.deepEqual([slow.state, seen.at(-1)], ["LIVE", "entry"]);
  assert.equal(await silence(passes), 62500, "what took long is through: as before");
  const silences = [];
  while (silences.length < 6) silences.push(await silence(await dial()));
  assert.deepEqual(silences, [125000, 250000, 500000, 600000, 600000, 600000], "it has an end");
  slow.stop();
}

// A prompt that goes up slowly: the page sees that the network takes it.
{
  const up = connect(options({ client: "c_up", storage: storageIn(null, "up"), apply: () => {} }));
  await advance(0);
  const socket = FakeSocket.all.at(-1);
  socket.onopen();
  await settled();
  socket.tell(welcome({ head: 0 }));
  await settled();
  socket.bufferedAmount = 250000;
  up.prompt("large").catch(() => {});
  page.dispatchEvent(new Event("visibilitychange")); // asks whether it lives, and waits 5 s for the answer
  while (socket.bufferedAmount > 0) {
    await advance(4000);
    socket.bufferedAmount -= 10000;
    assert.equal(socket.closed, false, `${socket.bufferedAmount} bytes to go`);
  }
  while (!socket.closed) await advance(1000);
  up.stop();
}

console.log(`${steps} steps as in Rust, and the client's own story: all hold`);
