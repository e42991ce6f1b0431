// The client of clients/js in Node, with the sockets of `ws`: six prompts, each followed by a cut, every other
// one given while there is no network. Prints the ids that were applied, one a line, and what was accepted.
// node outlive.mjs ws://127.0.0.1:7878 s_…

import { connect } from "../../../../clients/js/outlive.js";
import { Socket, cut } from "./sockets.mjs";

const [url, session] = process.argv.slice(2);
let last = 0;
let ends = 0;
let heard = () => {};

const client = connect({
  url, session, WebSocket: Socket,
  settings: { first_ms: 0, step_ms: 0, spacing_ms: 0 },
  async apply(update) {
    await null; // an application takes its time
    if (update.kind === "anew" && last === 0) return;
    if (update.kind !== "entry") throw new Error(`${update.kind} after ${last}`);
    if (update.seq !== last + 1) throw new Error(`${update.seq} after ${last}`);
    last = update.seq;
    console.log(update.id);
    if (update.entry === "output" && last % 7 === 0) cut();
    if (update.entry === "turn_end") ends += 1;
    heard();
  },
  notify(news) {
    if (news.kind === "error") throw news.error;
  },
});

const ended = (times) => new Promise((done) => {
  heard = () => { if (ends >= times) done(); };
  heard();
});

for (let n = 1; n <= 6; n += 1) {
  if (n % 2 === 0) cut();
  const answer = client.prompt("/fast 20");
  if (n % 2 === 0) client.online();
  const accepted = await answer;
  console.log(`accepted ${accepted.n}`);
  await ended(n);
}
client.stop();
