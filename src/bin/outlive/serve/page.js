// The page of `outlive serve`. It shows what the client tells it; what to do about the connection is the
// client's business.

import { connect, createSession } from "/client/outlive.js";

const $ = (id) => document.getElementById(id);
const url = location.origin;
const token = new URLSearchParams(location.hash.slice(1)).get("token");

const session = new URLSearchParams(location.search).get("session") ?? (await createSession(url, { token }));
const here = `/?session=${session}${location.hash}`;
history.replaceState(null, "", here);
$("session").textContent = session;
$("second").href = here;
$("fresh").href = `/${location.hash}`;

// The chat.

const answers = new Map(); // a turn's answer, by the place of its prompt
let running = null;

function line(kind, text) {
  const chat = $("chat");
  const low = chat.scrollHeight - chat.scrollTop - chat.clientHeight < 80;
  const div = document.createElement("div");
  div.className = kind;
  div.textContent = text;
  chat.append(div);
  if (low) chat.scrollTop = chat.scrollHeight;
  return div;
}

function answerOf(turn) {
  if (!answers.has(turn)) answers.set(turn, line("answer", ""));
  return answers.get(turn);
}

function showAsk(seq, turn, text) {
  const div = line("ask", `${text} `);
  div.id = `ask-${seq}`;
  for (const [label, answer] of [["approve", true], ["deny", false]]) {
    const button = document.createElement("button");
    button.textContent = label;
    button.onclick = () => attempt(() => client.answer(seq, answer));
    div.append(button, " ");
  }
}

function settle(seq, text) {
  const div = $(`ask-${seq}`);
  div?.querySelectorAll("button").forEach((button) => button.remove());
  div?.append(text);
}

const apply = (update) => {
  if (update.kind === "anew") {
    answers.clear();
    $("chat").replaceChildren();
    if (update.welcome.base > 0) line("note", `entries up to ${update.welcome.base} are not kept any more`);
    return;
  }
  if (update.kind === "gap") return line("note", `entries ${update.lost_from} to ${update.lost_to} are lost`);
  const { entry, seq, turn, d, client: who } = update;
  switch (entry) {
    case "prompt":
      return line("prompt", `${who === client.id ? "you" : who}: ${typeof d === "string" ? d : JSON.stringify(d)}`);
    case "output": {
      const div = turn === null ? line("note", "") : answerOf(turn);
      div.classList.toggle("runs", turn !== null);
      if (turn !== null) running = turn;
      div.append(d);
      const chat = $("chat");
      if (chat.scrollHeight - chat.scrollTop - chat.clientHeight < 120) chat.scrollTop = chat.scrollHeight;
      return;
    }
    case "ask": running = turn; return showAsk(seq, turn, d);
    case "answer": return settle(update.ask, update.d ? "approved" : "denied");
    case "turn_end":
      if (running === turn) running = null;
      answers.get(turn)?.classList.remove("runs");
      document.querySelectorAll("[id^=ask-] button").forEach((button) => button.remove());
      if (update.outcome !== "completed") line("note", `${update.outcome}${update.error ? `: ${update.error}` : ""}`);
      return;
    case "closing": return line("note", `closing: ${update.why}`);
    case "end": return line("note", `ended: ${update.why}. A prompt reopens the conversation.`);
    default: // a later server says more
  }
};

const notify = (news) => {
  if (news.kind === "state") $("link").textContent = news.state;
  if (news.kind === "closed") $("closed").textContent = `last close ${news.code} ${news.reason ?? ""}`;
  if (news.kind === "welcome") {
    running = news.welcome.turn;
    light(news.welcome.state);
  }
  if (news.kind === "refused" || news.kind === "error") line("note", news.message ?? String(news.error));
};

// The last socket is kept, so that it can be cut.
let socket = null;
class Cuttable extends WebSocket {
  constructor(...args) {
    super(...args);
    socket = this;
  }
}

const client = connect({ url, session, token, apply, notify, WebSocket: Cuttable });

function attempt(act) {
  try {
    act();
  } catch (error) {
    line("note", error.message);
  }
}

$("form").onsubmit = (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  $("text").value = "";
  client.prompt(text).catch((error) => line("note", error.message));
};
$("cut").onclick = () => socket.close(3000); // a code that says: come back
$("refresh").onclick = () => location.reload();
$("hide").onclick = () => client.hide();
$("show").onclick = () => client.show();
$("interrupt").onclick = () => attempt(() => running !== null && client.interrupt(running));
$("stop").onclick = async () => {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  await fetch(`/sessions/${session}/stop`, { method: "POST", headers });
};

// The state, and the rows that were taken.

$("diagram").innerHTML = await (await fetch("/session.svg")).text();
const edges = [...$("diagram").querySelectorAll("g > title")].map((title) => [title.parentNode, title.textContent]);

$("every").onchange = ({ target }) => $("rows").classList.toggle("every", target.checked);

function light(state) {
  $("state").textContent = state;
  $("diagram").querySelectorAll(".here").forEach((group) => group.classList.remove("here"));
  $("diagram").querySelector(`#session-${state}`)?.classList.add("here");
}
if (client.welcome) light(client.welcome.state);

function took({ from, trigger, rules, verdict, state, event }) {
  light(state);
  for (const [id] of rules) {
    const [group] = edges.find(([, title]) => new RegExp(`[( ]${id}[,)]`).test(title) && (!from || title.startsWith(from) || title.includes(`, ${from}`) || title.includes("ACTIVE, "))) ?? [];
    group?.classList.add("taken");
    setTimeout(() => group?.classList.remove("taken"), 1500);
  }
  const list = $("rows");
  const text = `${trigger} ${verdict}${from && from !== state ? ` ${from} → ${state}` : ` in ${state}`}`;
  const id = rules.map(([rule]) => rule).join(" ");
  const first = [...list.children].find((item) => item.classList.contains("often") === ["OUTPUT", "WRITTEN"].includes(trigger));
  if (first?.dataset.key === id + text) {
    first.dataset.times = Number(first.dataset.times) + 1;
    first.querySelector("i").textContent = ` × ${first.dataset.times}`;
    return;
  }
  const item = document.createElement("li");
  const [rule, times] = [document.createElement("b"), document.createElement("i")];
  rule.textContent = id;
  item.append(rule, ` ${text}`, times);
  item.className = `${verdict}${["OUTPUT", "WRITTEN"].includes(trigger) ? " often" : ""}`;
  item.title = `${rules.map(([, because]) => because).join("; ")}\n${event}`;
  [item.dataset.key, item.dataset.times] = [id + text, 1];
  list.prepend(item);
  while (list.children.length > 200) list.lastChild.remove();
}

// Not with EventSource, which cannot say a token.
for (;;) {
  try {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const { body } = await fetch(`/debug/sessions/${session}/steps`, { headers });
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = "", piece; !(piece = await reader.read()).done; ) {
      text += piece.value;
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) if (block.startsWith("event: step")) took(JSON.parse(block.split("data: ")[1]));
    }
  } catch {
    // the server is away; the client says so
  }
  await new Promise((resume) => setTimeout(resume, 1000));
}
