// Attach, prompt, cut, come back with the cursor; prints the ids that came, one a line.
// node ws.cjs ws://127.0.0.1:7878/sessions/s_…/ws
const WebSocket = require("ws");

let cursor;

/** One connection: `after` decides after which entry it is cut, which need not be the last. */
function connect(after, prompt) {
  return new Promise((done, failed) => {
    const socket = new WebSocket(process.argv[2], "outlive.v1");
    let cut = false;
    socket.on("error", (why) => cut || failed(why));
    socket.on("open", () => socket.send(JSON.stringify({ t: "attach", client: "node", cursor })));
    socket.on("message", (text) => {
      const frame = JSON.parse(text);
      if (cut) return;
      if (frame.t === "welcome" && prompt) socket.send(JSON.stringify({ t: "prompt", n: 1, d: prompt }));
      if (frame.t !== "ev") return;
      cursor = frame.id;
      console.log(frame.id);
      if (after(frame)) {
        cut = true;
        socket.terminate();
        done();
      }
    });
  });
}

connect((frame) => frame.entry === "output", "/fast 20").then(() =>
  connect((frame) => frame.entry === "turn_end"),
);
