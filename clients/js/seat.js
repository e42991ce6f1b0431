// Where a client keeps what must outlive its page, and who a page is when that may be a copy.

import { cursorOf } from "./frames.js";

/** Keeps one value under a name; without a Storage it is kept for the life of the object. What `saveLink` was given is
 * kept beside it, so that the bodies are not written with each entry. */
export function storageIn(storage, name) {
  let kept = null;
  const read = (of) => JSON.parse(storage.getItem(of));
  return {
    load() {
      if (!storage) return kept;
      const [value, newer] = [read(name), read(`${name}:link`)];
      return value && newer?.client === value.client ? { ...value, link: newer.link } : value;
    },
    save(value) {
      kept = value;
      if (!storage) return;
      storage.setItem(name, JSON.stringify(value));
      storage.removeItem(`${name}:link`);
    },
    saveLink({ client, link }) {
      kept = { ...kept, link };
      if (storage) storage.setItem(`${name}:link`, JSON.stringify({ client, link }));
    },
  };
}

const isCount = (value) => Number.isSafeInteger(value) && value >= 1;
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function isLink(link, bodies) {
  if (!isObject(link) || !isObject(bodies) || !Array.isArray(link.outbox)) return false;
  const { cursor, next, tried, outbox } = link;
  return (cursor == null || cursorOf(cursor) !== null) && (next == null || isCount(next))
    && (tried === undefined || typeof tried === "boolean")
    && outbox.every((ticket) => isCount(ticket) && String(ticket) in bodies);
}

/** What a storage gave, if a client wrote it; null if there is nothing. Throws if it is of another shape. */
export function keptOf(value) {
  if (value === null || value === undefined) return null;
  const { client, link, bodies, ticket } = value;
  const fits = typeof client === "string" && client !== "" && isLink(link, bodies) && isCount(ticket)
    && link.outbox.every((waits) => waits < ticket);
  if (!fits) throw new TypeError("the stored value is of another shape");
  return value;
}

/** As text, what is worth a write at once: all but the bodies, which go with their tickets, and the cursor. */
export const outboxOf = ({ client, link: { next, tried, outbox }, ticket }) =>
  JSON.stringify([client, next, tried, outbox, ticket]);

export const isPromise = (value) => typeof value?.then === "function";

/** Writes to a storage, one write at a time. */
export class Writer {
  #save;
  #writing = null;
  #next = null;

  /** `save` writes what is current when it is called; it may return a promise. */
  constructor(save) {
    this.#save = save;
  }

  /** Writes what is current. Returns a promise if the storage is asynchronous. Throws, or rejects, if the storage
   * does not take it. */
  write() {
    if (this.#writing) {
      this.#next ??= this.#writing.then(() => {
        this.#next = null;
        return this.write();
      });
      return this.#next;
    }
    const saved = this.#save();
    if (!isPromise(saved)) return null;
    const done = Promise.resolve(saved);
    const over = () => { this.#writing = null; };
    this.#writing = done.then(over, over);
    return done;
  }

  /** The last write that is not done, or null. */
  get pending() {
    return this.#next ?? this.#writing;
  }
}

export function sessionStorageOrNone() {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    return null; // a browser that forbids it throws
  }
}

// A tab that is duplicated begins with a copy of the other one's sessionStorage, and so with its name and with
// what waits in its outbox. Two pages with one name would replace each other's connection.
//
// A page that runs leaves a mark in the storage, and takes it away when it goes. A page that finds a mark asks
// whether its page still lives: after a crash, or when the browser discarded the tab, it does not. That is
// what a lock says, which the browser holds for the page; where there are no locks, no page counts as alive.

export class Seat {
  #storage;
  #name;
  #locks;
  #marked; // what the page before left behind
  #release = null;
  #answer = null; // whether another page has it
  #id = null;

  constructor(storage, name, locks = globalThis.navigator?.locks) {
    this.#storage = storage;
    this.#name = name;
    this.#locks = locks;
    this.#marked = this.#read();
  }

  /** This page is this client from now on, unless another one is. */
  take(id) {
    if (!this.#storage || id === this.#id) return;
    this.leave();
    this.#id = id;
    const doubtful = this.#marked === id;
    this.#marked = null;
    this.#write(id);
    const name = `${this.#name}:${id}`;
    const taken = new Promise((tell) => {
      const hold = (lock) => {
        tell(lock === null);
        if (lock === null || this.#id !== id) return null;
        return new Promise((release) => { this.#release = release; });
      };
      if (!this.#locks) return tell(false);
      // Without a mark the page before has just gone, and its lock is about to: that can be waited for.
      this.#locks.request(name, { ifAvailable: doubtful }, hold).catch(() => tell(false));
    });
    this.#answer = doubtful ? taken : null;
  }

  /** Whether another page is this client. */
  async isTaken() {
    const taken = (await this.#answer) ?? false;
    this.#answer = null;
    return taken;
  }

  /** Somebody else may be this client. */
  leave() {
    if (this.#id === null) return;
    this.#id = null;
    this.#write(null);
    this.#release?.();
    this.#release = null;
  }

  #read() {
    try {
      return this.#storage?.getItem(this.#name) ?? null;
    } catch {
      return null;
    }
  }

  #write(id) {
    try {
      if (id === null) this.#storage?.removeItem(this.#name);
      else this.#storage?.setItem(this.#name, id);
    } catch {
      // then a duplicate is not noticed
    }
  }
}
