// A client of outlive for browsers and Node, without dependencies. What it does about its connection is
// decided by the table (machine.js, table.js); this file opens sockets, sets timers and keeps what must
// outlive the page.
//
//   import { connect } from "./outlive.js";
//   const client = connect({ url: "wss://example.net", session, apply(update) { … } });
//   await client.prompt({ text: "hello" });
//
// Load what you show first, then attach; give every kind of update to one function. `apply` is called
// with one update at a time and may return a promise; an entry counts as applied when it is done.

import { cursorOf, readFrame, tellsOfLife } from "./frames.js";
import { Link, isForNow, waitMs } from "./machine.js";
import { OutliveError, bodyOf, check, createSession } from "./options.js";
import { Seat, Writer, isPromise, keptOf, outboxOf, sessionStorageOrNone, storageIn } from "./seat.js";

export { OutliveError, createSession, storageIn };

export const SUBPROTOCOL = "outlive.v1";

/** The longest that a timer can wait: what is longer fires at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** How often a cursor that moves is written to the storage, at most. */
const CURSOR_MS = 1000;

/** How much may be handed over and not applied before the client hangs up. */
const BACKLOG = Object.freeze({ entries: 4096, bytes: 16 * 2 ** 20 });

/** Milliseconds of a clock that nobody sets; the one of the day where there is none. */
const monotonic = () => (globalThis.performance?.now ? globalThis.performance.now() : Date.now());

function newClientId() {
  if (!globalThis.crypto?.getRandomValues) {
    throw new TypeError("outlive: client is undefined; it should be a name of its own, for there is no crypto here");
  }
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(12));
  return `c_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** A client, started. */
export function connect(options) {
  const client = new Client(options);
  client.start();
  return client;
}

export class Client {
  #link;
  #options;
  #socket = null; // the WebSocket, whatever its readyState says
  #timers = {};
  #read = -Infinity; // what the clock said last
  #behind = 0; // by how much it has gone back, in all
  #heard = 0;
  #unsent = 0; // what the socket had to send when it was asked last, in bytes
  #dialled = null;
  #events = []; // events that came while one was being performed
  #busy = false;
  #frame = null; // the frame that the event at hand came from
  #command = null;
  #reason = null;
  #handed = []; // handed over, not applied
  #applying = false;
  #bytes = 0; // of what is handed over and not applied
  #sizes = new WeakMap(); // of frames
  #isBehind = false; // it has hung up, since too much is handed over and not applied
  #overdue = null; // the dial that waits for it
  #bodies = {};
  #promises = new Map();
  #next = 1;
  #saved = null; // what this page saved last: the outbox as text, the cursor, and when
  #tickets = null; // as text, the tickets whose bodies are saved
  #unsaved = null; // the timer that saves a cursor which has moved
  #writer;
  #keeping = []; // tickets that are on their way to the storage, and not yet in the outbox
  #loading = null; // until an asynchronous storage has answered
  #dropped = null; // why the stored value was of no use
  #kept = []; // tickets that were in the storage
  #own; // the browser's storage, if the application gave none
  #seat = null;
  #unlisten = [];

  constructor(options = {}) {
    this.#own = options.storage ? null : sessionStorageOrNone();
    const storage = options.storage ?? storageIn(this.#own, `outlive:${options.session}`);
    this.#options = {
      WebSocket: globalThis.WebSocket,
      window: globalThis.window,
      document: globalThis.document,
      now: monotonic,
      random: Math.random,
      setTimeout: (run, ms) => globalThis.setTimeout(run, ms),
      clearTimeout: (timer) => globalThis.clearTimeout(timer),
      ...options,
      backlog: { ...BACKLOG, ...options.backlog },
      storage,
    };
    check(this.#options);
    this.#writer = new Writer(() => this.#store());
    this.id = options.client ?? null;
    this.welcome = null;
    this.incarnation = null;
    const kept = this.#load();
    if (!isPromise(kept)) return this.#begin(kept);
    this.id ??= newClientId(); // until the storage says another one
    this.#link = new Link({}, options.settings);
    this.#loading = kept.then((kept) => {
      this.#loading = null;
      this.#begin(kept);
    });
  }

  /** What is stored, or null; a promise of it if the storage is asynchronous. */
  #load() {
    const drop = (cause) => {
      const message = `what is stored for the session ${this.#options.session} is dropped: ${cause?.message ?? cause}`;
      this.#dropped = new OutliveError("not_readable", message, { cause });
      return null;
    };
    try {
      const value = this.#options.storage.load();
      return isPromise(value) ? Promise.resolve(value).then(keptOf).catch(drop) : keptOf(value);
    } catch (cause) {
      return drop(cause);
    }
  }

  #begin(stored) {
    const { client, cursor, keepsWhatItShows, session, settings } = this.#options;
    this.id = client ?? stored?.client ?? this.id ?? newClientId();
    const kept = stored?.client === this.id ? stored : { link: {}, bodies: {}, ticket: 1 };
    const saved = { ...kept.link };
    // A page that is loaded anew shows nothing yet, so it reads from the beginning, unless the
    // application keeps what it shows as well.
    if (!keepsWhatItShows) saved.cursor = cursor ?? null;
    this.#bodies = Object.fromEntries((saved.outbox ?? []).map((ticket) => [ticket, kept.bodies[ticket]]));
    this.#next = kept.ticket;
    this.#link = new Link(saved, settings);
    this.#kept = [...this.#link.outbox];
    this.#seat = new Seat(client ? null : this.#own, `outlive:${session}:seat`);
  }

  #whenLoaded(run) {
    if (this.#loading) this.#loading.then(run);
    else run();
  }

  /** STOPPED, DORMANT, BACKING_OFF, CONNECTING, ATTACHING, REPLAYING, LIVE or HIDDEN. */
  get state() {
    return this.#link.state;
  }

  /** How far `apply` has come, as text; null before the first entry. */
  get cursor() {
    return this.#link.cursor;
  }

  /** What waits until the server has it, in order; also what was prompted before the page was loaded anew. */
  get waiting() {
    return this.#link.outbox.map((ticket) => ({ ticket, body: this.#bodies[ticket] ?? null }));
  }

  /** Connects and keeps connected; if it is connecting already: now. */
  start() {
    this.#whenLoaded(() => {
      if (this.#dropped) {
        globalThis.console?.warn(`outlive: ${this.#dropped.message}`);
        this.#tell({ kind: "error", error: this.#dropped });
        this.#dropped = null;
      }
      this.#seat.take(this.id);
      this.#listen();
      this.#feed({ event: "start" });
    });
  }

  /** Leaves. The session goes on, and what waits in the outbox stays for the next start. */
  stop() {
    this.#whenLoaded(() => {
      this.#unlisten.splice(0).forEach((undo) => undo());
      this.#seat.leave();
      this.#feed({ event: "stop" });
      this.#flush();
    });
  }

  hide() {
    this.#whenLoaded(() => {
      this.#feed({ event: "hide" });
      this.#flush();
    });
  }

  show() { this.#whenLoaded(() => this.#feed({ event: "show", silent_ms: this.#now() - this.#heard })); }
  online() { this.#whenLoaded(() => this.#feed({ event: "online" })); }

  /** Sends a prompt, now or when there is a connection again, and again to a server that only cannot take it now.
   * Resolves with `{n, seq}` when it is accepted. */
  prompt(body) {
    return new Promise((resolve, reject) => {
      const kept = bodyOf(body);
      this.#whenLoaded(() => this.#keep(kept, { resolve, reject }));
    });
  }

  /** A prompt is taken when it is in the storage. */
  #keep(body, told) {
    const ticket = this.#next++;
    const arrived = () => { this.#keeping = this.#keeping.filter((other) => other !== ticket); };
    const lost = (cause) => {
      arrived();
      delete this.#bodies[ticket];
      const message = `the storage does not take the prompt: ${cause?.message ?? cause}`;
      told.reject(new OutliveError("not_kept", message, { cause }));
    };
    const take = () => {
      arrived();
      this.#promises.set(ticket, told);
      this.#feed({ event: "prompt", ticket }, null, (refusal) => {
        delete this.#bodies[ticket];
        this.#promises.delete(ticket);
        this.#save();
        told.reject(refused(refusal));
      });
    };
    this.#bodies[ticket] = body;
    this.#keeping.push(ticket);
    try {
      const done = this.#writer.write();
      if (done) done.then(take, lost);
      else take();
    } catch (cause) {
      lost(cause);
    }
  }

  /** Stops a turn, or takes a queued prompt back. Throws if there is no connection. */
  interrupt(turn) { this.#send({ t: "interrupt", turn }); }
  /** Ends the session: this life of it, and no later one. Throws if there is no connection. */
  stopSession(incarnation = this.incarnation) { this.#send({ t: "stop", incarnation }); }
  /** Answers an ask. Throws if there is no connection. */
  answer(ask, body) { this.#send({ t: "answer", ask, d: bodyOf(body) }); }

  #send(frame) {
    let refusal = null;
    this.#feed({ event: "command" }, frame, (why) => { refusal = why; });
    if (refusal) throw refused(refusal);
  }

  /** One event at a time: what comes while one is performed waits. */
  #feed(event, frame = null, refuse = null) {
    this.#events.push([event, frame, refuse]);
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#events.length > 0) this.#take(...this.#events.shift());
    } finally {
      this.#busy = false;
    }
  }

  #take(event, frame, refuse) {
    const before = this.#link.state;
    this.#frame = frame;
    if ("socket" in event && (event.event === "lost" || event.event === "closed")) {
      if (event.socket === this.#link.socket) this.#socket = null;
    }
    const { effects, refusal, rules, trigger } = this.#link.step(event);
    this.#call("trace", { event, trigger, rules, state: this.#link.state });
    for (const effect of effects) this.#perform(effect, event);
    if (refusal) refuse?.(refusal);
    if (this.#link.state !== before) this.#tell({ kind: "state", state: this.#link.state, before });
  }

  #perform(effect, event) {
    switch (effect.effect) {
      case "dial": return this.#dial(effect.socket);
      case "hang_up":
        if (event.event === "timer" && event.timer === "attach") this.#unreached("no welcome in time");
        return this.#hangUp();
      case "save": return this.#save();
      case "arm": return this.#arm(effect);
      case "disarm": return this.#disarm(effect.timer);
      case "hello": return this.#hello(effect.cursor);
      case "send_detach": return this.#write({ t: "detach" });
      case "send_suspend": return this.#write({ t: "suspend", seen: effect.seen });
      case "send_resume": return this.#write({ t: "resume" });
      case "send_ping": return this.#write({ t: "ping" });
      case "send_prompt": return this.#sendPrompt(effect);
      case "send_command": return this.#write(this.#frame);
      case "begin_anew":
        return this.#handOver({ kind: "anew", welcome: this.#frame }, effect.epoch, effect.seq, true);
      case "deliver":
        this.#noteLife(this.#frame);
        return this.#handOver({ ...this.#frame, kind: "entry", seq: effect.seq }, effect.epoch, effect.seq);
      case "deliver_gap": {
        const { lost_from, lost_to } = effect;
        return this.#handOver({ kind: "gap", lost_from, lost_to }, effect.epoch, lost_to);
      }
      case "welcomed":
        this.welcome = this.#frame;
        this.incarnation = this.welcome.incarnation;
        return this.#tell({ kind: "welcome", welcome: this.#frame });
      case "tell_caught_up": return this.#tell({ kind: "caught_up" });
      case "tell_accepted":
        this.#noteLife(this.#frame);
        return this.#settle(effect.ticket, null, { n: effect.n, seq: effect.seq });
      case "tell_failed": return this.#settle(effect.ticket, this.#failure(event));
      case "tell_closed": return this.#tell({ kind: "closed", code: event.code, reason: this.#reason });
      default: throw new Error(`the machine asks for what this driver cannot: ${effect.effect}`);
    }
  }

  /** What comes after the end of one life belongs to the next. What is read again tells of earlier ones. */
  #noteLife(frame) {
    if (frame.t !== "accepted" && !tellsOfLife(frame)) return;
    const next = frame.t === "ev" && frame.entry === "end" ? 1 : 0;
    this.incarnation = Math.max(this.incarnation, frame.incarnation + next);
  }

  #unreached(why) { this.#tell({ kind: "unreached", why }); }

  #dial(socket) {
    this.#dialled = this.#heard = this.#now();
    const { url, session, WebSocket } = this.#options;
    const address = `${url.replace(/^http/, "ws").replace(/\/$/, "")}/sessions/${encodeURIComponent(session)}/ws`;
    let opened;
    let wrong = null; // what Node says; browsers keep it to themselves
    try {
      opened = new WebSocket(address, [SUBPROTOCOL]);
    } catch (error) {
      this.#unreached(`${address}: ${error.message}`);
      this.#feed({ event: "lost", socket });
      return;
    }
    this.#socket = opened;
    let isOpen = false;
    const over = ({ code = 1006, reason }) => {
      if (opened === this.#socket) {
        this.#reason = reason || null;
        const why = this.#reason ?? wrong ?? "no reason was given";
        if (["CONNECTING", "ATTACHING"].includes(this.state)) this.#unreached(`${address}: ${why} (${code})`);
      }
      const local = code === 1005 || code === 1006 || code === 1015;
      this.#feed(local ? { event: "lost", socket } : { event: "closed", socket, code });
    };
    opened.onopen = () => {
      isOpen = true;
      this.#feed({ event: "opened", socket });
    };
    opened.onmessage = (message) => {
      if (opened !== this.#socket) return;
      this.#heard = this.#now();
      this.#hear(socket, message.data);
    };
    // A close follows, but not in each Node where the dial failed, and that close would say no more.
    opened.onerror = (event) => {
      wrong = event?.message || event?.error?.message || null;
      if (!isOpen) over({});
    };
    opened.onclose = over;
  }

  #hangUp() {
    const socket = this.#socket;
    this.#socket = null;
    try {
      socket?.close(1000);
    } catch {
      // it is closed already
    }
  }

  /** The page's own doing, and to the machine a connection that was lost. */
  #drop() {
    if (this.#socket === null) return;
    this.#hangUp();
    this.#feed({ event: "lost", socket: this.#link.socket });
  }

  async #hello(cursor) {
    const socket = this.#socket;
    const { token } = this.#options;
    let shown;
    if (await this.#seat.isTaken()) this.#becomeAnother();
    try {
      shown = typeof token === "function" ? await token() : token;
    } catch (error) {
      this.#tell({ kind: "error", error });
      return; // no hello: the attach timer comes back to it
    }
    if (socket !== this.#socket || socket === null) return;
    const frame = { t: "attach", client: this.id };
    if (cursor) frame.cursor = cursor;
    if (shown) frame.token = shown;
    this.#write(frame);
  }

  /** A tab that was duplicated: the other one is who it was, and sends what waited. */
  #becomeAnother() {
    this.id = newClientId();
    this.#link.adopt({ outbox: this.#link.outbox.filter((ticket) => !this.#kept.includes(ticket)) });
    for (const ticket of this.#kept) delete this.#bodies[ticket];
    this.#seat.take(this.id);
    this.#save();
  }

  /** Back from where the browser kept the page. Meanwhile the tab may have shown another page of this client,
   * and that one has sent what waited. */
  #catchUp() {
    const kept = this.#load();
    if (isPromise(kept)) return kept.then((kept) => this.#adopt(kept));
    return this.#adopt(kept);
  }

  #adopt(kept) {
    if (kept?.client !== this.id || outboxOf(kept) === this.#saved?.outbox) return;
    this.#link.adopt(kept.link);
    const keeping = this.#keeping.map((ticket) => [ticket, this.#bodies[ticket]]);
    this.#bodies = { ...kept.bodies, ...Object.fromEntries(keeping) };
    this.#next = Math.max(this.#next, kept.ticket);
    for (const [ticket, { reject }] of this.#promises) {
      if (this.#link.outbox.includes(ticket)) continue;
      this.#promises.delete(ticket);
      reject(new OutliveError("elsewhere", "another page of this tab has dealt with it"));
    }
  }

  #write(frame) {
    try {
      this.#socket?.send(JSON.stringify(frame));
    } catch {
      // a socket that is closing: its close is on the way
    }
    this.#unsent = this.#socket?.bufferedAmount ?? 0;
  }

  /** What the network has taken since then is a sign of life: the answer to a ping waits behind it. What comes is
   * seen only when a whole frame is there. */
  #noteTaken() {
    const unsent = this.#socket?.bufferedAmount ?? 0;
    if (unsent < this.#unsent) this.#heard = this.#now();
    this.#unsent = unsent;
  }

  /** What is stored says first that it may have been sent. */
  #sendPrompt({ n, ticket }) {
    const socket = this.#socket;
    const send = () => {
      const { underWay, first, outbox } = this.#link;
      const isDue = socket === this.#socket && underWay && first === n && outbox[0] === ticket;
      if (isDue) this.#write({ t: "prompt", n, d: this.#bodies[ticket] ?? null });
    };
    const { pending } = this.#writer;
    if (pending) pending.then(send, send);
    else send();
  }

  #hear(socket, message) {
    const frame = readFrame(message);
    if (frame) this.#sizes.set(frame, 2 * message.length);
    switch (frame?.t) {
      case "welcome": {
        const { log, base, head, high = null, outcome, ping_ms } = frame;
        return this.#feed({ event: "welcome", socket, welcome: { log, base, head, high, outcome, ping_ms } }, frame);
      }
      case "ev":
        return this.#feed({ event: "entry", socket, ...cursorOf(frame.id) }, frame);
      case "gap":
        return this.#feed({ event: "gap", socket, lost_from: frame.lost_from, lost_to: frame.lost_to }, frame);
      case "accepted":
        return this.#feed({ event: "accepted", socket, n: frame.n, seq: frame.seq ?? null }, frame);
      case "refused":
        if (frame.what === "prompt") {
          const { n, expected = null, reason } = frame;
          return this.#feed({ event: "refused", socket, n, expected, for_now: isForNow(reason) }, frame);
        }
        return this.#tell({ ...frame, kind: "refused" });
      case "pong": return this.#feed({ event: "pong", socket });
      case "ping": return this.#write({ t: "pong" });
      case "goaway": {
        const [least_ms, most_ms] = frame.retry_after_ms;
        return this.#feed({ event: "goaway", socket, least_ms, most_ms });
      }
      case "error": return this.#tell({ kind: "error", error: new OutliveError("error", frame.message) });
      default: // it is none, or a later server says more
    }
  }

  /** The time, in milliseconds. It never goes back: a clock that does goes on from where it was. */
  #now() {
    const read = this.#options.now();
    if (read < this.#read) this.#behind += this.#read - read;
    this.#read = read;
    return read + this.#behind;
  }

  /** What the server says counts, but there is never more than one dial in `spacing_ms`. */
  #arm({ timer, generation, wait }) {
    this.#disarm(timer);
    const { random, setTimeout } = this.#options;
    const armed = this.#now();
    const since = this.#dialled === null ? null : armed - this.#dialled;
    const least = timer === "backoff" && since !== null ? this.#link.settings.spacing_ms - since : 0;
    const ms = Math.min(LONGEST_MS, Math.ceil(Math.max(least, waitMs(wait, random(), since))));
    const fire = () => {
      if (timer === "backoff" && this.#isBehind) this.#overdue = fire;
      else this.#feed({ event: "timer", timer, generation });
    };
    const watch = () => {
      this.#noteTaken();
      const left = ms - (this.#now() - Math.max(armed, this.#heard));
      if (left <= 0) fire();
      else this.#timers[timer] = setTimeout(watch, Math.ceil(left));
    };
    this.#timers[timer] = setTimeout(wait.silence ? watch : fire, ms);
  }

  #disarm(timer) {
    this.#options.clearTimeout(this.#timers[timer]);
    delete this.#timers[timer];
    if (timer === "backoff") this.#overdue = null;
  }

  /** What must outlive the page. */
  #value() {
    const link = this.#link.saved();
    const outbox = [...link.outbox, ...this.#keeping];
    return { client: this.id, link: { ...link, outbox }, bodies: { ...this.#bodies }, ticket: this.#next };
  }

  /** Writes what is current: the bodies only if other ones wait than were written last. */
  #store() {
    this.#options.clearTimeout(this.#unsaved);
    this.#unsaved = null;
    const { storage } = this.#options;
    const value = this.#value();
    const tickets = JSON.stringify([value.client, value.ticket, value.link.outbox]);
    const linkOnly = tickets === this.#tickets && typeof storage.saveLink === "function";
    this.#saved = { outbox: outboxOf(value), cursor: value.link.cursor, at: this.#now() };
    this.#tickets = tickets;
    const fail = (error) => {
      this.#saved = this.#tickets = null;
      throw error;
    };
    try {
      const saved = linkOnly ? storage.saveLink({ client: value.client, link: value.link }) : storage.save(value);
      return isPromise(saved) ? Promise.resolve(saved).catch(fail) : null;
    } catch (error) {
      return fail(error);
    }
  }

  /** A cursor that has moved is not worth a write each time, but the last one is. */
  #save() {
    const value = this.#value();
    if (this.#saved?.outbox !== outboxOf(value)) return this.#saveNow();
    if (this.#saved.cursor === value.link.cursor) return;
    const wait = Math.ceil(this.#saved.at + CURSOR_MS - this.#now());
    if (wait <= 0 || this.state === "STOPPED") this.#saveNow();
    else this.#unsaved ??= this.#options.setTimeout(() => this.#flush(), wait);
  }

  #flush() {
    if (this.#unsaved !== null) this.#saveNow();
  }

  #saveNow() {
    const fail = (error) => this.#tell({ kind: "error", error });
    try {
      this.#writer.write()?.then(null, fail);
    } catch (error) {
      fail(error);
    }
  }

  #settle(ticket, error, accepted) {
    const promise = this.#promises.get(ticket);
    this.#promises.delete(ticket);
    delete this.#bodies[ticket];
    if (error) promise?.reject(error);
    else promise?.resolve(accepted);
    this.#tell(error ? { kind: "failed", ticket, error } : { kind: "accepted", ticket, ...accepted });
  }

  #failure(event) {
    if (event.event === "refused") {
      const { reason, rule, message } = this.#frame;
      return new OutliveError(reason, message, { rule });
    }
    return new OutliveError("closed", `the server closed with ${event.code}`, { code: event.code });
  }

  /** A page cannot read more slowly. So when the application is far behind the client hangs up, and dials again, at its
   * cursor, when everything is applied. */
  #handOver(update, epoch, seq, notice = false) {
    const bytes = this.#sizes.get(this.#frame) ?? 0;
    this.#handed.push([update, { event: "applied", epoch, seq, notice }, bytes]);
    this.#bytes += bytes;
    const { backlog } = this.#options;
    const isFull = this.#handed.length > backlog.entries || this.#bytes > backlog.bytes;
    if (isFull && this.#handed.length > 1 && this.#socket !== null) {
      this.#isBehind = true;
      this.#tell({ kind: "behind", entries: this.#handed.length, bytes: this.#bytes });
      this.#drop();
    }
    if (!this.#applying) this.#apply();
  }

  /** One at a time. What the application cannot apply is not applied: the client stops. */
  async #apply() {
    this.#applying = true;
    await null; // never inside the application's own call
    while (this.#handed.length > 0) {
      const [update, applied, bytes] = this.#handed[0];
      try {
        await this.#options.apply(update);
      } catch (error) {
        this.#handed = [];
        this.#bytes = 0;
        this.stop();
        this.#rewind();
        this.#tell({ kind: "error", error });
        break;
      }
      this.#handed.shift();
      this.#bytes -= bytes;
      this.#feed(applied);
    }
    this.#applying = this.#isBehind = false;
    const dial = this.#overdue;
    this.#overdue = null;
    dial?.();
  }

  /** The next start goes on behind what was applied, not behind what was handed over. */
  #rewind() {
    const { socket } = this.#link;
    this.#link = Object.assign(new Link(this.#link.saved(), this.#options.settings), { socket });
  }

  /** News that moves no cursor. */
  #tell(news) { this.#call("notify", news); }

  #call(option, said) {
    try {
      this.#options[option]?.(said);
    } catch {
      // a listener that throws must not stop the client
    }
  }

  #listen() {
    const { window, document, listensWhenHidden } = this.#options;
    if (this.#unlisten.length > 0) return;
    const on = (target, name, run) => {
      target?.addEventListener?.(name, run);
      if (target?.addEventListener) this.#unlisten.push(() => target.removeEventListener(name, run));
    };
    const look = () => {
      if (document?.visibilityState !== "hidden") this.show();
      else if (!listensWhenHidden) this.hide();
    };
    on(document, "visibilitychange", look);
    // Not every browser keeps a page with a socket to go back to, and one that is kept hears nothing.
    on(window, "pagehide", () => {
      this.hide();
      this.#drop();
      this.#seat.leave();
    });
    on(window, "pageshow", (event) => {
      if (!event.persisted) return;
      this.#seat.take(this.id);
      const caughtUp = this.#catchUp();
      if (caughtUp) caughtUp.then(() => this.show());
      else this.show();
    });
    on(window, "online", () => this.online());
    if (document?.visibilityState === "hidden" && !listensWhenHidden) this.hide();
  }
}

function refused({ trigger, state, reason, rule }) {
  return new OutliveError(reason, `${trigger} refused in ${state}: ${reason} (rule ${rule})`, { rule });
}
