// One hook: a session, as long as a component shows it. The client is that of outlive.js; this file decides nothing.

import { useEffect, useMemo, useSyncExternalStore } from "react";
import { Client } from "./outlive.js";

const none = [];

/** What is shown if nothing else is said: the updates, in order. */
const collect = (updates, update) => (update.kind === "anew" ? none : [...updates, update]);

class Store {
  #client = null;
  #listeners = new Set();
  #snapshot;
  #view;
  #error = null;
  #closed = null;
  #isDue = false;

  constructor(options) {
    this.options = options; // those of the last render
    this.#view = options.initial ?? none;
    this.commands = {
      prompt: (body) => this.#made().prompt(body),
      answer: (ask, body) => this.#made().answer(ask, body),
      interrupt: (turn) => this.#made().interrupt(turn),
      stopSession: (incarnation) => this.#made().stopSession(incarnation),
      start: () => this.#start(),
      stop: () => this.#client?.stop(),
      hide: () => this.#client?.hide(),
      show: () => this.#client?.show(),
      online: () => this.#client?.online(),
    };
    this.#snapshot = this.#now();
  }

  /** Whoever shows it keeps it connected. A component that is mounted, unmounted and mounted again finds the same client. */
  subscribe = (listener) => {
    if (this.#listeners.size === 0 && this.options.session) this.#start();
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#client?.stop();
    };
  };

  snapshot = () => this.#snapshot;

  #made() {
    this.#client ??= new Client({
      ...this.options,
      token: () => {
        const { token } = this.options;
        return typeof token === "function" ? token() : token;
      },
      apply: (update) => {
        const { initial = none, reduce = collect } = this.options;
        this.#view = reduce(update.kind === "anew" ? initial : this.#view, update);
      },
      notify: (news) => {
        if (news.kind === "error") this.#error = news.error;
        if (news.kind === "closed") this.#closed = news;
        this.#change();
        this.options.notify?.(news);
      },
      trace: (taken) => {
        this.#change();
        this.options.trace?.(taken);
      },
    });
    return this.#client;
  }

  #start() {
    this.#error = this.#closed = null;
    this.#made().start();
    this.#change();
  }

  /** Many entries come at once, when a page catches up: they are rendered together. */
  #change() {
    if (this.#isDue) return;
    this.#isDue = true;
    setTimeout(() => {
      this.#isDue = false;
      this.#snapshot = this.#now();
      for (const listener of [...this.#listeners]) listener();
    }, 0);
  }

  #now() {
    const client = this.#client;
    return {
      ...this.commands,
      view: this.#view,
      state: client?.state ?? "STOPPED",
      welcome: client?.welcome ?? null,
      incarnation: client?.incarnation ?? null,
      waiting: client?.waiting ?? [],
      error: this.#error,
      closed: this.#closed,
    };
  }
}

/** A session, connected while the component is mounted. Another `url`, `session` or `client` is another session. */
export function useSession(options) {
  const { url, session, client } = options;
  const store = useMemo(() => new Store(options), [url, session, client]);
  useEffect(() => { store.options = options; });
  return useSyncExternalStore(store.subscribe, store.snapshot, store.snapshot);
}
