// The page of `outlive serve`. It shows what the client tells it; what to do about the connection is the
// client's business.

import { Client, createSession } from "/client/outlive.js";

const $ = (id) => document.getElementById(id);
const url = location.origin;
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const headers = token ? { Authorization: `Bearer ${token}` } : {};

function element(name, kind, text = "") {
  const made = document.createElement(name);
  made.className = kind;
  made.textContent = text;
  return made;
}

function problem(text) {
  $("problem").hidden = text === null;
  $("problem").firstChild.textContent = text ?? "";
}
$("dismiss").onclick = () => problem(null);
$("refresh").onclick = () => location.reload();
$("fresh").href = `/${location.hash}`;

let session = new URLSearchParams(location.search).get("session");
try {
  session ??= await createSession(url, { token });
} catch (error) {
  const how = token ? "" : "; does this server want a token? It comes at the end of the address: #token=…";
  problem(`${error.message}${how}`);
  throw error;
}
const here = `/?session=${session}${location.hash}`;
history.replaceState(null, "", here);
$("session").textContent = $("session").title = session;
$("second").href = $("other").href = here;

// The chat: what belongs to a turn stands together, in the order of the log.

const turns = new Map(); // by the place of the prompt
const open = new Set(); // turns that have not ended
const asks = new Map();

const OUTCOMES = {
  waiting: "nothing waits for the answer, which may come at any time",
  empty: "the worker finished without an answer",
  ambiguous: "the server was restarted in the middle; the turn may or may not have had effects, and is not run again",
  cancelled: "it never reached a worker",
};
const ENDS = {
  stopped: "somebody stopped the session", expired: "nobody came back in time", exited: "the worker left",
  start_failed: "the worker could not be started", start_timeout: "the worker did not start in time",
  unresponsive: "the worker did not react to an interrupt", turn_timeout: "the turn took too long",
  closed_out: "the worker has closed out", closeout_timeout: "the closeout took too long",
  superseded: "a new prompt came during the closeout", restarted: "the server was restarted",
};

const textOf = (d) => (typeof d === "string" ? d : JSON.stringify(d));
/** Who that was: the principal if the server tells people apart, and what the client calls itself. */
const personOf = ({ by }) => (by && !["anyone", "bearer"].includes(by) ? by : null);
function nameOf(update) {
  const name = update.client;
  const tab = name === client.id ? "you" : name.replace(/^c_([0-9a-f]{4})[0-9a-f]{20}$/, "tab $1");
  return personOf(update) ? `${personOf(update)} (${tab})` : tab;
}

/** What is read last stays in sight, unless somebody scrolled up. */
function add(to, child) {
  const view = $("scroll");
  const low = view.scrollHeight - view.scrollTop - view.clientHeight < 80;
  to.append(child);
  if (low) view.scrollTop = view.scrollHeight;
  return child;
}

function turnOf(seq) {
  if (!turns.has(seq)) turns.set(seq, add($("chat"), element("section", "turn")));
  return turns.get(seq);
}

function ask({ seq, turn, stands, d }) {
  const div = element("div", "ask");
  const status = element("span", "status dim");
  const buttons = [["approve", true], ["deny", false]].map(([label, answer]) => {
    const button = element("button", "", label);
    button.onclick = () => attempt(() => client.answer(seq, answer));
    return button;
  });
  div.append(element("span", "question", textOf(d)), ...buttons, status);
  asks.set(seq, { div, turn, stands, status });
  add(turnOf(turn), div);
}

/** Whether the ask outlived its turn, so that its answer is a turn. */
function settle(seq, text) {
  const asked = asks.get(seq);
  if (!asked) return false;
  asks.delete(seq);
  asked.div.classList.add("settled");
  asked.div.querySelectorAll("button").forEach((button) => button.remove());
  asked.status.textContent = text;
  return asked.stands === true;
}

function output(turn, text) {
  if (turn === null || turn === undefined) return add($("chat"), element("div", "note", text));
  const last = turnOf(turn).lastElementChild;
  return last?.classList.contains("answer") ? add(last, text) : add(turnOf(turn), element("div", "answer", text));
}

/** What was said of the session. Turns that are open then go on after it: those that waited over a restart. */
function note(text) {
  const next = turns.get(Math.min(...open)); // none if none is open
  const line = element("div", "note", text);
  if (next) next.before(line);
  else add($("chat"), line);
}

function begin(turn, text) {
  open.add(turn);
  turnOf(turn).classList.add("runs");
  return add(turnOf(turn), element("div", "prompt", text));
}

function shown(update) {
  const { entry, seq, turn, d } = update;
  switch (entry) {
    case "prompt": return begin(seq, `${nameOf(update)}: ${textOf(d)}`);
    case "output": return output(turn, textOf(d));
    case "ask": return ask(update);
    case "withdrawn": return settle(update.ask, "not answered");
    case "answer": {
      const text = `${d ? "approved" : "denied"} by ${nameOf(update)}`;
      return settle(update.ask, text) ? begin(seq, text) : null;
    }
    case "turn_end": {
      open.delete(turn);
      turnOf(turn).classList.remove("runs");
      for (const [asked, { turn: of, stands }] of asks) if (of === turn && !stands) settle(asked, "not answered");
      const { outcome } = update;
      if (outcome === "completed") return null;
      const why = update.error ?? OUTCOMES[outcome];
      const wrong = ["failed", "ambiguous"].includes(outcome) ? " wrong" : "";
      const who = personOf(update) ? `${outcome} by ${personOf(update)}` : outcome;
      return add(turnOf(turn), element("div", `outcome${wrong}`, why ? `${who}: ${why}` : who));
    }
    case "closing": return note(`closing: ${ENDS[update.why] ?? update.why}`);
    case "end": return note(`ended: ${ENDS[update.why] ?? update.why}; a prompt reopens the conversation`);
    default: return null; // a later server says more
  }
}

function apply(update) {
  if (update.kind === "anew") {
    const { base, turn, queue } = update.welcome;
    [turns, open, asks].forEach((of) => of.clear());
    [turn, ...queue].forEach((seq) => seq !== null && open.add(seq));
    $("chat").replaceChildren();
    if (base > 0) add($("chat"), element("div", "note", `entries up to ${base} are not kept any more`));
  } else if (update.kind === "gap") {
    add($("chat"), element("div", "note", `entries ${update.lost_from} to ${update.lost_to} are lost`));
  } else {
    shown(update);
  }
  controls();
}

// The connection.

const LINKS = {
  STOPPED: "sent away; show connects again",
  DORMANT: "waits until it is looked at, or a prompt is given",
  BACKING_OFF: "will try again by itself",
  CONNECTING: "tries to reach the server",
  ATTACHING: "has reached the server",
  REPLAYING: "reads what it missed",
  HIDDEN: "the server keeps its place",
};
const WELCOMED = ["REPLAYING", "LIVE", "HIDDEN"];

function notify(news) {
  switch (news.kind) {
    case "state": {
      $("link").textContent = $("link").className = news.state;
      $("why").textContent = LINKS[news.state] ?? "";
      break;
    }
    case "closed": problem(`the server closed with ${news.code} ${news.reason ?? ""}`); break;
    case "welcome": light(news.welcome.state); break;
    case "refused": problem(news.message ?? news.reason); break;
    case "error": problem(news.error.message); break;
    default: // accepted, failed, caught up: what it changes is below
  }
  waiting();
  controls();
}

/** What was said and is not in the log yet. */
function waiting() {
  const lines = client.waiting.map(({ body }) => element("div", "prompt", `you: ${textOf(body)}`));
  const before = [...$("waiting").children].map((line) => line.textContent);
  if (before.join("\n") === lines.map((line) => line.textContent).join("\n")) return;
  $("waiting").replaceChildren();
  lines.forEach((line) => add($("waiting"), line));
}

function controls() {
  const connected = WELCOMED.includes(client.state);
  $("waiting").className = connected ? "" : "apart";
  $("is").textContent = connected ? "is" : "was";
  document.querySelectorAll(".ask button").forEach((button) => { button.disabled = !connected; });
  $("interrupt").disabled = !connected || open.size === 0;
  $("stop").disabled = !connected || ["CLOSING", "ENDED"].includes($("state").textContent);
  $("cut").disabled = !connected;
  $("hide").disabled = client.state === "HIDDEN" || client.state === "STOPPED";
  $("show").disabled = !["HIDDEN", "DORMANT", "STOPPED", "BACKING_OFF"].includes(client.state);
}

function attempt(act) {
  try {
    act();
  } catch (error) {
    problem(error.message);
  }
}

// The last socket is kept, so that it can be cut.
let socket = null;
class Cuttable extends WebSocket {
  constructor(...args) {
    super(...args);
    socket = this;
  }
}

const client = new Client({ url, session, token, apply, notify, WebSocket: Cuttable });
window.outlive = client; // for the console
client.start();

$("form").onsubmit = (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  $("text").value = "";
  problem(null);
  client.prompt(text).catch((error) => problem(`“${text}” was not taken: ${error.message}`));
  waiting();
};
$("cut").onclick = () => socket.close(3000); // a code that says: come back
$("hide").onclick = () => client.hide();
$("show").onclick = () => (client.state === "STOPPED" ? client.start() : client.show());
$("interrupt").onclick = () => attempt(() => client.interrupt(Math.min(...open)));
$("stop").onclick = async () => {
  try {
    const response = await fetch(`/sessions/${session}/stop`, { method: "POST", headers });
    if (!response.ok) problem((await response.json()).message);
  } catch (error) {
    problem(`not stopped: ${error.message}`);
  }
};

// The state, and the rows that were taken.

try {
  $("diagram").innerHTML = await (await fetch("/session.svg")).text();
} catch {
  // the server went away just now; the chat does without
}
const UP = ["ACTIVE", "SUSPENDED", "DETACHED"];
const edges = [...$("diagram").querySelectorAll("g > title")].map((title) => {
  const [from, to] = title.textContent.split(/ to |: /);
  return { group: title.parentNode, from, to, rules: [...title.textContent.matchAll(/\((\w+)\)/g)].map(([, id]) => id) };
});
if (client.welcome) light(client.welcome.state);

function light(state) {
  $("state").textContent = state;
  $("diagram").querySelectorAll(".here").forEach((group) => group.classList.remove("here"));
  $("diagram").querySelector(`#session-${state}`)?.classList.add("here");
  controls();
}

function flash(from, to, rules) {
  for (const edge of edges) {
    const leads = (edge.from === from || (edge.from === "UP" && UP.includes(from))) && edge.to === to;
    if (!leads || !edge.rules.some((id) => rules.includes(id))) continue;
    edge.group.classList.add("taken");
    setTimeout(() => edge.group.classList.remove("taken"), 1500);
  }
}

function took({ from, trigger, rules, verdict, state, event }) {
  const ids = rules.map(([id]) => id);
  light(state);
  flash(from, state, ids);
  const list = $("rows");
  const what = ["ignore", "refuse"].includes(verdict) ? ` ${verdict}` : "";
  const text = `${trigger}${what}${from && from !== state ? ` ${from} → ${state}` : ` in ${state}`}`;
  const key = `${ids} ${text}`;
  // Output is written and read in turns: that is one line each, with a count.
  const same = [...list.children].slice(0, 2).find((item) => item.dataset.key === key);
  const item = same ?? element("li", verdict);
  const because = rules.map(([, why]) => why).join("; ");
  if (!same) {
    item.dataset.key = key;
    item.append(element("b", "", ids.join(" ")), element("span", "", text), element("small", "", because));
    item.children[1].append(element("i", ""));
  }
  list.prepend(item);
  item.dataset.times = Number(item.dataset.times ?? 0) + 1;
  if (item.dataset.times > 1) item.querySelector("i").textContent = ` × ${item.dataset.times}`;
  item.title = `${because}\n${event}`;
  $("newest").replaceChildren(element("b", "", ids.join(" ")), ` ${text}: ${because}`);
  while (list.children.length > 200) list.lastChild.remove();
}

// Not with EventSource, which cannot say a token. A page that is left must not read on, or the browser does
// not keep it.
async function read(signal) {
  const { ok, body } = await fetch(`/debug/sessions/${session}/steps`, { headers, signal });
  if (!ok) return;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = "", piece; !(piece = await reader.read()).done; ) {
    text += piece.value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const [kind, data] = block.split("\ndata: ");
      if (kind === "event: step") took(JSON.parse(data));
      if (kind === "event: state") light(JSON.parse(data));
    }
  }
}

let reading = new AbortController();
async function follow({ signal }) {
  while (!signal.aborted) {
    // When the server is away, the client says so.
    await read(signal).catch(() => {});
    await new Promise((resume) => setTimeout(resume, 1000));
  }
}

// Only while it is looked at: a browser has six connections to a host over HTTP/1.1, and with a stream in each
// of six tabs the seventh would not load.
function look(seen) {
  reading.abort();
  if (!seen) return;
  reading = new AbortController();
  follow(reading);
}
const looks = () => look(document.visibilityState === "visible");
document.addEventListener("visibilitychange", looks);
addEventListener("pagehide", () => look(false));
addEventListener("pageshow", ({ persisted }) => persisted && looks());
looks();
