// The client of clients/js in Node, as a test says line by line: {"do":"prompt","d":"hello"}, {"do":"interrupt","turn":1},
// {"do":"answer","ask":3,"d":true}, {"do":"hide"}, {"do":"show"}, {"do":"cut"}. Prints what it applies, and what it is told.
// node incidents.mjs http://127.0.0.1:7878 s_…

import { createInterface } from "node:readline";
import { connect } from "../../../../clients/js/outlive.js";
import { Socket, cut } from "./sockets.mjs";

const say = (what) => console.log(JSON.stringify(what));
const [url, session] = process.argv.slice(2);
const client = connect({
  url, session, WebSocket: Socket,
  settings: { first_ms: 0, step_ms: 0, spacing_ms: 0 },
  apply: say,
  notify({ kind, state, error }) {
    if (kind === "error") throw error;
    say({ kind, state });
  },
});

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  switch (order.do) {
    case "prompt": client.prompt(order.d); break;
    case "interrupt": client.interrupt(order.turn); break;
    case "answer": client.answer(order.ask, order.d); break;
    case "hide": client.hide(); break;
    case "show": client.show(); break;
    case "cut": cut(); break;
    default: throw new Error(line);
  }
}
client.stop();
