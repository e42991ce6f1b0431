// One client's link to one session, as the table in table.js says. It opens nothing and reads no clock:
// events go in, effects come out. The same machine in Rust is src/client; vectors.json holds the two
// together, step by step.

import { table } from "./table.js";

const rows = new Map(table.rows.map((row) => [row.id, row]));
const TIMERS = ["backoff", "attach", "watchdog", "stable"];

export const DEFAULTS = Object.freeze(table.settings);

const forNow = table.refusals.filter((why) => why.for_now).map((why) => why.name);

/** Whether what the server refused for this reason may be taken later: the prompt stays in the outbox. */
export const isForNow = (reason) => forNow.includes(reason);

const hasSocket = (state) => !["STOPPED", "DORMANT", "BACKING_OFF"].includes(state);
const isWelcomed = (state) => ["REPLAYING", "LIVE", "HIDDEN"].includes(state);

/** What a client does after a close, whether or not it knows the code (docs/generated/close-codes.md), and whether the
 * code says that the server leaves, or is not reached by its proxy, or is overloaded. What is no code counts as 0. */
export const closeRule = (code) =>
  table.close_rules.find(({ from, to }) => code >= from && code <= to) ?? table.close_rules[0];

const numberOf = (name) => table.closes.find((close) => close.name === name).number;
const TOO_BIG = numberOf("too_big");
const OVERLOADED = numberOf("overloaded");

/** How long to wait, in milliseconds; `random` is at least 0 and below 1. */
export function waitMs(wait, random, sinceDialMs) {
  if (wait.between) {
    const { least_ms, most_ms } = wait.between;
    return least_ms + Math.floor(random * (Math.max(0, most_ms - least_ms) + 1));
  }
  if (wait.since) return sinceDialMs == null ? 0 : Math.max(0, wait.since.ms - sinceDialMs);
  return (wait.for ?? wait.silence).ms;
}

const split = (cursor) => {
  const dot = cursor.lastIndexOf(".");
  return { log: cursor.slice(0, dot), seq: Number(cursor.slice(dot + 1)) };
};

/** The word and the content of an outcome: "fresh", or {"gap": {…}}. */
const outcomeOf = (welcome) =>
  typeof welcome.outcome === "string" ? [welcome.outcome, {}] : Object.entries(welcome.outcome)[0];

export class Link {
  constructor(saved = {}, settings = {}) {
    this.settings = { ...DEFAULTS, ...settings };
    this.state = table.initial;
    this.socket = 0;
    this.hidden = false;
    this.attempts = this.failed_attaches = this.silences = 0;
    this.leaving = false;
    this.retry = null;
    this.pingMs = null;
    this.armed = {};
    this.generation = 0;
    this.epoch = 0;
    this.cursor = saved.cursor ?? null;
    this.head = 0;
    this.reading = null;
    if (this.cursor !== null) {
      const { log, seq } = split(this.cursor);
      this.reading = { log, delivered: seq, applied: seq, anew: false };
    }
    this.first = saved.next ?? 1;
    this.outbox = [...(saved.outbox ?? [])];
    this.tried = Boolean(saved.tried) && this.outbox.length > 0;
    this.underWay = false;
  }

  /** What must outlive the page, as one value. */
  saved() {
    return { cursor: this.cursor, next: this.first, tried: this.tried, outbox: [...this.outbox] };
  }

  /** Takes over an outbox, and where its numbers go on, while there is no connection. The cursor stays. */
  adopt({ next = 1, tried = false, outbox = [] }) {
    this.first = next;
    this.outbox = [...outbox];
    this.tried = Boolean(tried) && outbox.length > 0;
    this.underWay = false;
  }

  /** What was handed over: where the next hello goes on. */
  delivered() {
    return this.reading && `${this.reading.log}.${this.reading.delivered}`;
  }

  silenceMs() {
    return this.patience(Math.floor(((this.pingMs ?? this.settings.ping_ms) * 5) / 2));
  }

  /** How long a silence may last that was to be so long: twice as long after each that ended a connection. */
  patience(ms) {
    return Math.min(ms * 2 ** this.silences, Math.max(ms, this.settings.patience_ms));
  }

  /** Takes one event. Returns the rows that were taken, and what to do, in order. */
  step(event) {
    const trigger = this.classify(event);
    const from = this.state;
    const out = { trigger, rules: [], effects: [], refusal: null };
    if (event.event === "timer" && trigger !== "STALE_TIMER") delete this.armed[event.timer];
    for (let due = trigger; due !== null && out.rules.length < 4; due = this.due()) {
      const row = rows.get(table.index[this.state][due]);
      out.rules.push(row.id);
      if (row.verdict === "refuse") out.refusal = { trigger, state: from, reason: row.reason, rule: row.id };
      if (row.verdict === "ignore" || row.verdict === "refuse") break;
      this.taken = false;
      for (const { op } of row.ops) {
        const perform = OPS[op];
        if (!perform) throw new Error(`the table has an op that this machine has not: ${op}`);
        perform(this, event, out.effects);
      }
      if (row.verdict === "go") this.state = row.to;
    }
    return out;
  }

  /** The follow-up that is due, if one is. */
  due() {
    const { state, reading } = this;
    if (state === "BACKING_OFF" && this.failed_attaches >= this.settings.failed_attaches) return "STRUCK_OUT";
    const rests = this.hidden && this.outbox.length === 0;
    if (state === "BACKING_OFF" && rests) return "SLEEP";
    if ((state === "REPLAYING" || state === "LIVE") && rests) return "SUSPEND";
    const read = reading && !reading.anew && reading.applied >= this.head;
    return state === "REPLAYING" && read ? "CAUGHT_UP" : null;
  }

  /** Which column an event is. Data becomes a column here and nowhere else. */
  classify(event) {
    const at = this.reading;
    if ("socket" in event && (!hasSocket(this.state) || event.socket !== this.socket)) return "STALE_SOCKET";
    switch (event.event) {
      case "show": {
        const silent = event.silent_ms > this.silenceMs() && isWelcomed(this.state);
        return silent ? "SHOW_SILENT" : "SHOW";
      }
      case "prompt":
        return this.outbox.length >= this.settings.outbox ? "PROMPT_FULL" : "PROMPT";
      case "applied": {
        if (!at || event.epoch !== this.epoch) return "STALE_APPLIED";
        if (event.notice) return at.anew && event.seq === at.applied ? "APPLIED_NOTICE" : "STALE_APPLIED";
        const next = !at.anew && event.seq > at.applied && event.seq <= at.delivered;
        return next ? "APPLIED" : "STALE_APPLIED";
      }
      case "timer":
        if (this.armed[event.timer] !== event.generation) return "STALE_TIMER";
        if (event.timer === "attach" && this.leaving) return "ATTACH_TIMEOUT_LEAVING";
        return { backoff: "BACKOFF_OVER", attach: "ATTACH_TIMEOUT", watchdog: "SILENT", stable: "STABLE" }[event.timer];
      case "welcome":
        return this.classifyWelcome(event.welcome);
      case "entry":
        if (at && at.log === event.log && event.seq === at.delivered + 1) return "ENTRY";
        return at && at.log === event.log && event.seq <= at.delivered ? "ENTRY_AGAIN" : "HOLE";
      case "gap":
        if (at && event.lost_to <= at.delivered) return "ENTRY_AGAIN";
        return at && event.lost_from === at.delivered + 1 ? "GAP" : "HOLE";
      case "accepted":
      case "refused":
        if (!this.underWay || event.n !== this.first) return "REPLY_STALE";
        return event.for_now ? "REFUSED_FOR_NOW" : event.event.toUpperCase();
      case "closed": {
        if (event.code === TOO_BIG && this.underWay) return "CLOSED_TOO_BIG";
        const { rule, leaving } = closeRule(event.code);
        if (rule === "stop" || rule === "pause") return `CLOSED_${rule.toUpperCase()}`;
        if (rule === "now" && this.attempts === 0) return "CLOSED_NOW";
        if (rule === "fresh" && this.attempts <= 1) return "CLOSED_FRESH";
        return this.leaving || leaving ? "LOST_LEAVING" : "CLOSED_BACK_OFF";
      }
      case "lost":
        return this.leaving ? "LOST_LEAVING" : "LOST";
      default: // start, stop, hide, online, command, opened, pong, goaway
        return event.event.toUpperCase();
    }
  }

  /** Whether the welcome fits what the hello said. */
  classifyWelcome(welcome) {
    const at = this.reading;
    const [word, { from, lost_from, lost_to }] = outcomeOf(welcome);
    if (welcome.base > welcome.head) return "WELCOME_WRONG";
    if (word === "fresh") return "WELCOME_FRESH";
    if (word === "reset") return "WELCOME_RESET";
    const follows = (seq) =>
      at && at.log === welcome.log && seq === at.delivered + 1 && at.delivered <= welcome.head;
    if (word === "resumed" && follows(from)) return "WELCOME_RESUMED";
    const gap = word === "gap" && follows(lost_from) && lost_from <= lost_to && lost_to <= welcome.head;
    return gap ? "WELCOME_GAP" : "WELCOME_WRONG";
  }

  // What the ops have in common.

  arm(timer, wait, effects) {
    this.armed[timer] = ++this.generation;
    effects.push({ effect: "arm", timer, generation: this.generation, wait });
  }

  disarm(timer, effects) {
    if (this.armed[timer] === undefined) return;
    delete this.armed[timer];
    effects.push({ effect: "disarm", timer });
  }

  backoff(event) {
    const { first_ms, step_ms, most_ms } = this.settings;
    const most = this.attempts === 0 ? first_ms : Math.min(most_ms, step_ms * 2 ** Math.min(this.attempts, 16));
    // A server that welcomes and takes no prompt is not dialled at once.
    const least_ms = event.event === "refused" ? this.settings.spacing_ms : event.after_ms;
    if (least_ms != null) return { between: { least_ms, most_ms: least_ms + most } };
    const { leaving_ms, overloaded_ms } = table;
    const usual = this.leaving ? leaving_ms : [0, most];
    const [least, longest] = event.code === OVERLOADED ? [overloaded_ms, most + overloaded_ms] : usual;
    return { between: { least_ms: least, most_ms: longest } };
  }

  /** The first prompt has its answer. */
  shift() {
    this.tried = this.underWay = false;
    return this.outbox.shift();
  }

  accept(seq, effects) {
    const n = this.first;
    const ticket = this.shift();
    if (ticket === undefined) return;
    this.first = n + 1;
    effects.push({ effect: "tell_accepted", ticket, n, seq });
  }

  fail(effects) {
    const ticket = this.shift();
    if (ticket !== undefined) effects.push({ effect: "tell_failed", ticket });
    return ticket !== undefined;
  }
}

/** What an event declares as lost. */
const lost = (event) => (event.event === "gap" ? event : outcomeOf(event.welcome)[1]);

// What each op does to a link, and what its driver is to do about it.
const OPS = {
  note_hidden: (link) => { link.hidden = true; },
  note_shown: (link) => { link.hidden = false; },
  disarm_all: (link, _, effects) => TIMERS.forEach((timer) => link.disarm(timer, effects)),
  disarm_attach: (link, _, effects) => link.disarm("attach", effects),
  detach: (_, __, effects) => { effects.push({ effect: "send_detach" }); },
  hang_up: (link, _, effects) => {
    link.underWay = false;
    effects.push({ effect: "hang_up", socket: link.socket });
  },
  release: (link) => { link.underWay = false; },
  strike: (link) => { link.failed_attaches = Math.min(255, link.failed_attaches + 1); },
  clear_strikes: (link) => { link.failed_attaches = 0; },
  reset_attempts: (link) => { link.attempts = 0; },
  count_silence: (link) => { link.silences = Math.min(255, link.silences + 1); },
  clear_silences: (link, _, effects) => {
    if (link.silences === 0 || link.underWay) return;
    link.silences = 0;
    link.arm("watchdog", { silence: { ms: link.silenceMs() } }, effects);
  },
  excuse: (link) => {
    link.leaving = true;
    link.attempts = Math.max(0, link.attempts - 1);
  },
  keep_retry: (link, event) => {
    link.retry = [event.least_ms, event.most_ms];
    link.leaving = true;
  },
  renumber: (link, event) => {
    const next = (event.welcome.high ?? 0) + 1;
    // Only the server knows which prompt was accepted with the number of one that may have been sent.
    if (!link.tried || link.first > next) link.first = next;
  },
  accept: (link, event, effects) => link.accept(event.seq, effects),
  reject: (link, event, effects) => {
    link.fail(effects);
    if (event.event === "refused" && event.expected != null) link.first = event.expected;
  },
  fail_all: (link, _, effects) => { while (link.fail(effects)); },
  queue: (link, event) => { link.outbox.push(event.ticket); },
  forget_cursor: (link) => {
    link.reading = link.cursor = null;
    link.epoch += 1;
  },
  rebase: (link, event) => {
    const { log, base } = event.welcome;
    link.reading = { log, delivered: base, applied: base, anew: true };
    link.epoch += 1;
  },
  skip_gap: (link, event) => { link.reading.delivered = lost(event).lost_to; },
  set_target: (link, event) => {
    link.head = event.welcome.head;
    link.pingMs = event.welcome.ping_ms;
    link.leaving = false;
  },
  advance: (link, event) => {
    Object.assign(link.reading, { applied: event.seq, anew: false });
    link.cursor = `${link.reading.log}.${event.seq}`;
  },
  take_next: (link) => {
    link.taken = !link.underWay && link.outbox.length > 0;
    if (link.taken) link.underWay = link.tried = true;
  },
  save: (_, __, effects) => { effects.push({ effect: "save" }); },
  arm_backoff: (link, event, effects) => {
    const asked = link.retry && { between: { least_ms: link.retry[0], most_ms: link.retry[1] } };
    link.retry = null;
    // The latest word of the server counts.
    link.arm("backoff", (event.after_ms == null && asked) || link.backoff(event), effects);
  },
  arm_now: (link, _, effects) => {
    link.retry = null;
    link.arm("backoff", { since: { ms: link.settings.spacing_ms } }, effects);
  },
  dial: (link, _, effects) => {
    link.socket += 1;
    link.attempts = Math.min(255, link.attempts + 1);
    effects.push({ effect: "dial", socket: link.socket });
  },
  arm_attach: (link, _, effects) => link.arm("attach", { for: { ms: link.settings.attach_ms } }, effects),
  arm_stable: (link, _, effects) => link.arm("stable", { for: { ms: link.settings.stable_ms } }, effects),
  watch: (link, _, effects) => link.arm("watchdog", { silence: { ms: link.silenceMs() } }, effects),
  probe: (link, _, effects) => {
    link.arm("watchdog", { silence: { ms: link.patience(link.settings.probe_ms) } }, effects);
    effects.push({ effect: "send_ping" });
  },
  hello: (link, _, effects) => { effects.push({ effect: "hello", cursor: link.delivered() }); },
  send_suspend: (link, _, effects) => {
    effects.push({ effect: "send_suspend", seen: link.reading ? link.reading.applied : 0 });
  },
  send_resume: (_, __, effects) => { effects.push({ effect: "send_resume" }); },
  send_prompt: (link, _, effects) => {
    if (link.taken) effects.push({ effect: "send_prompt", n: link.first, ticket: link.outbox[0] });
  },
  send_command: (_, __, effects) => { effects.push({ effect: "send_command" }); },
  tell_welcome: (link, event, effects) => {
    const [word] = outcomeOf(event.welcome);
    const anew = word === "fresh" || word === "reset";
    if (anew) effects.push({ effect: "begin_anew", epoch: link.epoch, seq: link.reading.applied });
    effects.push({ effect: "welcomed" });
  },
  deliver: (link, event, effects) => {
    link.reading.delivered = event.seq;
    effects.push({ effect: "deliver", epoch: link.epoch, seq: event.seq });
  },
  tell_gap: (link, event, effects) => {
    const { lost_from, lost_to } = lost(event);
    effects.push({ effect: "deliver_gap", epoch: link.epoch, lost_from, lost_to });
  },
  tell_caught_up: (_, __, effects) => { effects.push({ effect: "tell_caught_up" }); },
  tell_closed: (_, __, effects) => { effects.push({ effect: "tell_closed" }); },
};
