// The sockets of `ws` for the client of clients/js, and a way to cut the newest one.

import { createRequire } from "node:module";

// Not `import`: that does not look where NODE_PATH says.
const WebSocket = createRequire(import.meta.url)("ws");

let socket;
export class Socket extends WebSocket {
  constructor(...args) {
    super(...args);
    socket = this;
    this.on("error", () => {}); // a close follows
  }
}

export const cut = () => socket.terminate();
