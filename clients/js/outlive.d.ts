// The client of outlive. The words are those of docs/generated/client.md.

export type State =
  | "STOPPED" | "DORMANT" | "BACKING_OFF" | "CONNECTING" | "ATTACHING" | "REPLAYING" | "LIVE" | "HIDDEN";

export interface Welcome {
  t: "welcome";
  connection: string;
  log: string;
  base: number;
  head: number;
  state: string;
  /** Which incarnation a stop is for; of a session that has ended, the next one. */
  incarnation: number;
  turn: number | null;
  queue: number[];
  asks: number[];
  high: number | null;
  outcome:
    | "fresh"
    | { resumed: { from: number } }
    | { gap: { lost_from: number; lost_to: number } }
    | { reset: { why: string } };
  ping_ms: number;
}

/** What `apply` is given, in order, one at a time. */
export type Update =
  /** What is shown is void; everything that is retained follows: what comes after `welcome.base`. */
  | { kind: "anew"; welcome: Welcome }
  /** The next entry of the log. */
  | {
      kind: "entry"; seq: number; id: string;
      /** When it was committed, in milliseconds since the Unix epoch, by the server's clock; never backwards in a log. */
      at?: number;
      /** Who was authorised to prompt, to answer, to interrupt or to stop. (`client` is only what a client calls itself.) */
      by?: string;
      entry: "prompt" | "output" | "ask" | "answer" | "withdrawn" | "turn_end" | "closing" | "end" | (string & {});
      d?: unknown; turn?: number | null; [field: string]: unknown;
    }
  /** These entries are lost to this client. */
  | { kind: "gap"; lost_from: number; lost_to: number };

/** What `notify` gets: it moves no cursor. */
export type News =
  | { kind: "state"; state: State; before: State }
  | { kind: "welcome"; welcome: Welcome }
  | { kind: "caught_up" }
  | { kind: "accepted"; ticket: number; n: number; seq: number }
  | { kind: "failed"; ticket: number; error: OutliveError }
  | { kind: "refused"; what: "answer" | "attach" | (string & {}); reason: string; message?: string }
  /** Sent away until `start()`. After 4001 and 4010 what waits is kept for it; otherwise it has failed. */
  | { kind: "closed"; code: number; reason: string | null }
  /** A dial came to nothing, or a connection was not welcomed. What follows from it is news of its own. */
  | { kind: "unreached"; why: string }
  /** `apply` is slower than the server, and more waits for it than `backlog` allows: the client has hung up, and dials
   * again when everything is applied. */
  | { kind: "behind"; entries: number; bytes: number }
  | { kind: "error"; error: unknown };

/** Keeps one value, in whatever form. Both may return a promise: then the client starts when `load` has answered, and a
 * prompt is taken, and sent, when `save` is done. There is one call at a time. */
export interface Storage {
  /** What `save` was given last; `null` or `undefined` if there is nothing. A value of another shape, or an error, is told
   * as news with the reason `not_readable`, and the client begins with nothing. */
  load(): unknown | Promise<unknown>;
  /** Throws, or rejects, if it does not take the value. */
  save(value: unknown): void | Promise<void>;
  /** Replaces, in the value that was saved last, the field `link`, if `client` is that value's. It is small: without this
   * method each cursor that is stored writes the bodies of all prompts that wait. `save` replaces it again. */
  saveLink?(newer: { client: string; link: unknown }): void | Promise<void>;
}

export interface Settings {
  outbox: number; failed_attaches: number; first_ms: number; step_ms: number; most_ms: number;
  spacing_ms: number; attach_ms: number; stable_ms: number; probe_ms: number; ping_ms: number;
  patience_ms: number;
}

export interface Options {
  /** The server, `wss://host`. */
  url: string;
  session: string;
  /** Applies an update to what is shown. An entry counts as applied when this is done. */
  apply(update: Update): void | Promise<void>;
  notify?(news: News): void;
  /** The client's name for itself; made with `crypto`, and kept in the storage, if none is given. */
  client?: string;
  token?: string | (() => string | Promise<string>);
  /** Begins after this entry, which is shown already. With `keepsWhatItShows` the cursor in the storage counts, and
   * not this one. */
  cursor?: string;
  /** What is shown is kept over reloads, by the application, together with the cursor in the storage. */
  keepsWhatItShows?: boolean;
  /** Stays connected while the page is hidden. Otherwise nothing arrives until it is shown: no ask, no output. */
  listensWhenHidden?: boolean;
  /** One value is kept here; sessionStorage if none is given. */
  storage?: Storage;
  settings?: Partial<Settings>;
  /** How much may be received and wait for `apply`: so many updates (4096), and so many bytes (16 MiB), two for each
   * character of their frames. With one update more the client hangs up until everything is applied; one alone may be
   * larger. `Infinity` is no bound. */
  backlog?: { entries?: number; bytes?: number };
  /** In Node: the class of the package `ws`. */
  WebSocket?: unknown;
  /** Called for each event, with the rows that answered it. */
  trace?(taken: { event: object; trigger: string; rules: string[]; state: State }): void;
}

export class OutliveError extends Error {
  /** The server's reason, the table's, or one of the client's own: `closed`, `elsewhere`, `no_json`, `not_kept`,
   * `not_readable`, `not_started`, `unavailable`. */
  reason: string;
  rule?: string;
  code?: number;
  /** The HTTP status, if `createSession` was refused. */
  status?: number;
  cause?: unknown;
}

export class Client {
  constructor(options: Options);
  /** The client's name. With an asynchronous storage and no name given it is right once the storage has answered. */
  readonly id: string;
  readonly state: State;
  readonly cursor: string | null;
  readonly welcome: Welcome | null;
  /** Which incarnation of the session a stop is for, as far as this client has heard; null before the first welcome.
   * Each welcome and each answer to a prompt names it. After the `end` of one, and while the session is ended, it is the next one. */
  readonly incarnation: number | null;
  /** What waits until the server has it, in order. */
  readonly waiting: { ticket: number; body: unknown }[];
  start(): void;
  stop(): void;
  hide(): void;
  show(): void;
  online(): void;
  /** Resolves when it is accepted. A server that leaves, or whose store does not answer, is come back to, and given it
   * again; one that sends the client away because of its token, or a limit, is given it after the next `start()`.
   * Rejects with `closed` and the code if the server sends the client away for good, or if the frame is too large
   * (1009). Rejects at once, and keeps nothing, if the body has no JSON (`no_json`), the storage does not take it
   * (`not_kept`), or the client was stopped or sent away (`not_started`): then `start()` comes first. */
  prompt(body: unknown): Promise<{ n: number; seq: number }>;
  /** Throws if there is no connection. */
  interrupt(turn: number): void;
  /** Ends the session: `client.incarnation`, if none is named. Throws if there is no connection. */
  stopSession(incarnation?: number): void;
  /** Throws if there is no connection, or if the body has no JSON. */
  answer(ask: number, body: unknown): void;
}

export const SUBPROTOCOL: "outlive.v1";
/** A client, started. Throws a TypeError if an option is of no use. */
export function connect(options: Options): Client;
/** Asks the server for a new session; returns its id. Rejects with the server's own `error` and message. */
export function createSession(
  url: string, options?: { token?: string; fetch?: typeof fetch },
): Promise<string>;
/** Keeps one value under a name. `load` throws if what is there is no JSON. */
export function storageIn(storage: globalThis.Storage | null, name: string): Storage;
