// One hook: a session, as long as a component shows it.

import type { Client, News, Options, State, Update, Welcome } from "./outlive.js";

export interface SessionOptions<View = Update[]> extends Omit<Options, "session" | "apply"> {
  /** What `createSession` gave; `null` as long as there is none: then nothing is connected. */
  session: string | null;
  /** What is shown, from what was shown and the next update. Pure; without it `view` is the list of updates. After an
   * update of the kind `anew` it begins with `initial`. If it throws, the client stops and `error` says why. */
  reduce?(view: View, update: Update): View;
  /** What is shown before the first update. An empty list if nothing is said. */
  initial?: View;
}

export interface Session<View = Update[]>
  extends Pick<Client, "prompt" | "answer" | "interrupt" | "stopSession" | "start" | "stop" | "hide" | "show" | "online"> {
  view: View;
  state: State;
  welcome: Welcome | null;
  incarnation: number | null;
  /** The prompts that wait until the server has them. */
  waiting: { ticket: number; body: unknown }[];
  /** The last error that no prompt was rejected with; `null` again after `start()`. */
  error: unknown;
  /** How the server sent the client away; `null` again after `start()`. */
  closed: Extract<News, { kind: "closed" }> | null;
}

/** A session, connected while the component is mounted. Another `url`, `session` or `client` is another session; `token`,
 * `reduce`, `notify` and `trace` are those of the last render, all else is as it was when the session was first shown.
 * Mounted, unmounted and mounted again, as StrictMode does, it has one connection. */
export function useSession(options: SessionOptions): Session;
export function useSession<View>(
  options: SessionOptions<View> & Required<Pick<SessionOptions<View>, "reduce" | "initial">>,
): Session<View>;
