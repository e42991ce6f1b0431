// Holds outlive/react in a real react, in StrictMode, over sockets to play with: `npm ci`, then `node test.mjs`.

import assert from "node:assert/strict";
import { JSDOM } from "jsdom";

const { window } = new JSDOM("<div id=root></div>", { url: "https://example.net" });
Object.assign(globalThis, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: true });
globalThis.navigator ??= window.navigator; // Node before 21 has none
const { createElement: h, StrictMode, act, useState } = await import("react");
const { createRoot } = await import("react-dom/client");
const { renderToString } = await import("react-dom/server");
// Beside this folder, where no react is, or in the folder `node_modules`, as it is installed.
const { useSession } = await import("outlive/react");

class FakeSocket {
  static all = [];
  constructor(address) {
    Object.assign(this, { address, sent: [], closed: false });
    FakeSocket.all.push(this);
  }
  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.closed = true; }
  tell(frame) { this.onmessage({ data: JSON.stringify(frame) }); }
}
const open = () => FakeSocket.all.filter(({ closed }) => !closed);
const settled = () => act(async () => { for (let n = 0; n < 20; n += 1) await new Promise((done) => setTimeout(done)); });
const settings = { first_ms: 0, step_ms: 0, spacing_ms: 0 };
const welcome = {
  t: "welcome", connection: "1", log: "9f3a", head: 0, base: 0, state: "ACTIVE", incarnation: 1, turn: null, queue: [],
  asks: [], high: null, outcome: "fresh", ping_ms: 25000,
};
const ev = (seq) => ({ t: "ev", id: `9f3a.${seq}`, entry: "output", turn: 1, d: `word ${seq}` });
const dialled = async () => {
  while (open().length === 0) await settled();
  const [socket] = open();
  await act(async () => socket.onopen());
  await settled();
  return socket;
};

let shown;
let renders = 0;
let again;
const storage = () => {
  let kept = null;
  return { load: async () => kept, save: async (value) => { kept = JSON.parse(JSON.stringify(value)); } };
};
const first = storage();
function Chat({ session, ...more }) {
  [, again] = useState(0);
  renders += 1;
  const options = { url: "wss://example.net", session, client: "c_1", WebSocket: FakeSocket, settings, storage: first, ...more };
  shown = useSession(options);
  return h("p", null, shown.view.map?.(({ d }) => d).join(" ") ?? shown.view);
}
const root = createRoot(document.getElementById("root"));
const render = async (props) => {
  await act(async () => root.render(h(StrictMode, null, h(Chat, props))));
  await settled();
};
const text = () => document.querySelector("p").textContent;

// On a server nothing is connected.
assert.match(renderToString(h(Chat, { session: "s_1" })), /<p>/);
assert.deepEqual([shown.state, FakeSocket.all.length], ["STOPPED", 0]);

// Nothing is connected before there is a session.
await render({ session: null });
assert.deepEqual([shown.state, FakeSocket.all.length], ["STOPPED", 0]);

// StrictMode mounts, unmounts and mounts again: one connection is left.
await render({ session: "s_1", token: "one" });
let socket = await dialled();
await settled();
assert.deepEqual([FakeSocket.all.length, open().length], [1, 1]);
assert.deepEqual(socket.sent, [{ t: "attach", client: "c_1", token: "one" }]);
await act(async () => socket.tell(welcome));
await settled();
assert.equal(shown.state, "LIVE");

// Entries are rendered in order, and those that come at once are rendered at once.
const before = renders;
await act(async () => { for (let seq = 1; seq <= 50; seq += 1) socket.tell(ev(seq)); });
await settled();
assert.equal(text(), Array.from({ length: 50 }, (_, at) => `word ${at + 1}`).join(" "));
assert.ok(renders - before < 50, `${renders - before} renders of 50 entries`);

// What waits is shown, and what is accepted does not wait.
const prompt = shown.prompt("hello");
await settled();
assert.deepEqual(shown.waiting, [{ ticket: 1, body: "hello" }]);
await act(async () => socket.tell({ t: "accepted", n: 1, seq: 51, again: false, incarnation: 1 }));
assert.deepEqual(await prompt, { n: 1, seq: 51 });
await settled();
assert.deepEqual(shown.waiting, []);

// Rendering anew changes nothing, and a token is the one of the last render.
const { prompt: same } = shown;
await act(async () => again(1));
assert.equal(shown.prompt, same);
await render({ session: "s_1", token: () => "two" });
await act(async () => socket.onclose({ code: 1006 }));
socket.closed = true;
socket = await dialled();
assert.deepEqual(socket.sent, [{ t: "attach", client: "c_1", token: "two", cursor: "9f3a.50" }]);

// Sent away: it is said, and `start` goes on.
await act(async () => socket.onclose({ code: 4001, reason: "expired" }));
socket.closed = true;
await settled();
assert.deepEqual([shown.state, shown.closed.code, shown.closed.reason], ["STOPPED", 4001, "expired"]);
await act(async () => shown.start());
socket = await dialled();
assert.equal(shown.closed, null);
await act(async () => socket.tell({ ...welcome, head: 50, outcome: { resumed: { from: 51 } } }));

// Another session is another client, and the first one's connection is closed; `reduce` makes what is shown.
const reduce = (view, update) => {
  if (update.d === "word 2") throw new Error("broken");
  return update.kind === "entry" ? `${view}|${update.d}` : view;
};
await render({ session: "s_2", reduce, initial: "begins", storage: storage() });
assert.ok(socket.closed);
socket = await dialled();
assert.match(socket.address, /s_2/);
await act(async () => socket.tell({ ...welcome, head: 1 }));
await act(async () => socket.tell(ev(1)));
await settled();
assert.equal(text(), "begins|word 1");

// What cannot be applied stops the client, and is said.
await act(async () => socket.tell(ev(2)));
await settled();
assert.deepEqual([shown.state, shown.error.message], ["STOPPED", "broken"]);
assert.ok(socket.closed);
await act(async () => shown.start());
socket = await dialled();
assert.deepEqual([shown.error, socket.sent[0].cursor], [null, "9f3a.1"]);

// Begun anew, so is what is shown.
await act(async () => socket.tell({ ...welcome, head: 1, log: "77", outcome: { reset: { why: "log_changed" } } }));
await act(async () => socket.tell({ ...ev(1), id: "77.1", d: "again" }));
await settled();
assert.equal(text(), "begins|again");

// Gone from the page: nothing is connected.
await act(async () => root.render(null));
await settled();
assert.deepEqual(open(), []);
console.log("outlive/react in react: all hold");
