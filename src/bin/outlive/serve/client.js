// A stand-in for clients/js/outlive.js, with as much of its interface as the page uses: connect,
// createSession, and the updates and news that they tell. It reconnects and resumes, and no more.

export async function createSession(url, { token } = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(`${url}/sessions`, { method: "POST", headers });
  if (!response.ok) throw new Error(`no session: HTTP ${response.status}`);
  return (await response.json()).session;
}

export function connect(options) {
  const client = new Client(options);
  client.start();
  return client;
}

const rule = (code) => {
  if (code === 1000 || (code >= 4000 && code <= 4099)) return "stop";
  return code >= 4200 && code <= 4299 ? "now" : code >= 4300 && code <= 4399 ? "fresh" : "back_off";
};

class Client {
  #options; #socket = null; #cursor = null; #log = null; #seq = 0; #tries = 0; #timer; #n = 0; #outbox = [];
  state = "STOPPED";
  welcome = null;

  constructor(options) {
    this.#options = { WebSocket: globalThis.WebSocket, ...options };
    const key = `outlive:${options.session}`;
    this.id = sessionStorage.getItem(key) ?? `c_${Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, "0")).join("")}`;
    sessionStorage.setItem(key, this.id);
  }

  start() {
    clearTimeout(this.#timer);
    const { url, session, token, WebSocket } = this.#options;
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/sessions/${session}/ws`, ["outlive.v1"]);
    this.#socket = socket;
    this.#become("CONNECTING");
    socket.onopen = () => {
      this.#write({ t: "attach", client: this.id, ...(this.#cursor && { cursor: this.#cursor }), ...(token && { token }) });
      this.#become("ATTACHING");
    };
    socket.onmessage = ({ data }) => socket === this.#socket && this.#hear(JSON.parse(data));
    socket.onclose = ({ code, reason }) => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      this.#tell({ kind: "closed", code, reason });
      const then = rule(code);
      if (then === "stop") return this.#become("STOPPED");
      if (then === "fresh") this.#cursor = null;
      const wait = then === "back_off" || this.#tries > 0 ? Math.random() * Math.min(30_000, 500 * 2 ** this.#tries) : 0;
      this.#tries += 1;
      this.#become("BACKING_OFF");
      this.#timer = setTimeout(() => this.start(), wait);
    };
  }

  stop() { clearTimeout(this.#timer); this.#write({ t: "detach" }); this.#socket?.close(1000); }
  hide() { this.#write({ t: "suspend", seen: this.#seq }); this.#become("HIDDEN"); }
  show() { if (!this.#socket) return this.start(); this.#write({ t: "resume" }); this.#become("LIVE"); }
  interrupt(turn) { this.#write({ t: "interrupt", turn }); }
  stopSession(incarnation = this.welcome?.incarnation) { this.#write({ t: "stop", incarnation }); }
  answer(ask, d) { this.#write({ t: "answer", ask, d }); }

  prompt(d) {
    return new Promise((resolve, reject) => {
      this.#outbox.push({ n: (this.#n += 1), d, resolve, reject });
      if (this.state === "LIVE") this.#write({ t: "prompt", n: this.#n, d });
    });
  }

  #write(frame) { if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame)); }
  #tell(news) { this.#options.notify?.(news); }
  #become(state) {
    const before = this.state;
    this.state = state;
    if (before !== state) this.#tell({ kind: "state", state, before });
  }

  #hear(frame) {
    const of = this.#outbox.find(({ n }) => n === frame.n);
    switch (frame.t) {
      case "welcome": {
        this.welcome = frame;
        if (frame.outcome === "fresh" || frame.outcome.reset) {
          [this.#log, this.#seq] = [frame.log, frame.base];
          this.#options.apply({ kind: "anew", welcome: frame });
        } else if (frame.outcome.gap) this.#options.apply({ kind: "gap", ...frame.outcome.gap });
        this.#n = Math.max(this.#n, frame.high ?? 0);
        this.#tries = 0;
        this.#become("LIVE");
        this.#tell({ kind: "welcome", welcome: frame });
        return this.#outbox.forEach(({ n, d }) => this.#write({ t: "prompt", n, d }));
      }
      case "ev":
        this.#cursor = frame.id;
        this.#seq = Number(frame.id.split(".")[1]);
        return this.#options.apply({ ...frame, kind: "entry", seq: this.#seq });
      case "gap": return this.#options.apply({ ...frame, kind: "gap" });
      case "accepted":
      case "refused":
        this.#outbox = this.#outbox.filter((one) => one !== of);
        if (frame.t === "accepted") of?.resolve({ n: frame.n, seq: frame.seq });
        else if (of) of.reject(new Error(frame.message));
        else this.#tell({ ...frame, kind: "refused" });
        return;
      case "ping": return this.#write({ t: "pong" });
      default: if (frame.t !== "pong") this.#tell({ ...frame, kind: frame.t });
    }
  }
}
