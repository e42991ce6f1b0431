// Where a tab keeps what must outlive its page, and who a page is when that may be a copy.

/** Keeps one value under a name; without a Storage it is kept for the life of the object. */
export function storageIn(storage, name) {
  let kept = null;
  return {
    load() {
      try {
        return storage ? JSON.parse(storage.getItem(name)) : kept;
      } catch {
        return null;
      }
    },
    save(value) {
      kept = value;
      if (storage) storage.setItem(name, JSON.stringify(value));
    },
  };
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
