import { keep, kept } from "./storage.js";

/** A session as it is kept. Times in milliseconds since the epoch, by this browser's clock. */
export interface Session {
  id: string;
  start: number;
  /** When something was last recorded in it. */
  last: number;
  /** Whether its `_session.start` was recorded, so that `_session.stop` will be. */
  announced?: boolean;
}

/** What an event says about its session. */
export interface SessionStamp {
  id: string;
  start: number;
  /** With `_session.stop`: when it ended. */
  stop?: number;
}

/** A `_session.start` or `_session.stop` to be recorded. */
export interface SessionEvent {
  id: string;
  name: typeof START | typeof STOP;
  at: number;
  session: SessionStamp;
}

/** What came of something that happened in a session. */
export interface Step {
  /** The session from now on; none has begun after a stop. */
  session?: Session;
  /** To be recorded before what happened, in this order. */
  events: SessionEvent[];
}

export interface SessionRules {
  /** Milliseconds without an event after which a session has ended. */
  timeout: number;
  /** Whether the start and the end of sessions are events themselves. */
  announce: boolean;
}

/** The names that Amplify gives to the start and the end of a session. */
const START = "_session.start";
const STOP = "_session.stop";

/** Milliseconds by which `last` in storage may be behind, since it is not written for every event. */
const PRECISION = 1000;

/**
 * Something is recorded at `at`: goes on with the session, or ends it and begins the next where the
 * time without an event was too long. A clock that was put back by more than that begins one, too.
 */
export function advance(
  session: Session | undefined,
  at: number,
  { timeout, announce }: SessionRules,
  newId: () => string,
): Step {
  const goesOn = session && Math.abs(at - session.last) <= timeout;
  const next = goesOn ? { ...session, last: at } : { id: newId(), start: at, last: at };
  const events = goesOn ? [] : end(session).events;
  if (announce && !next.announced) {
    // Of two tabs that notice at the same time both record it: under one id it counts once.
    events.push({ id: next.id, name: START, at: next.start, session: stamp(next) });
    next.announced = true;
  }
  return { session: next, events };
}

/** Ends a session as of its last event. */
export function end(session: Session | undefined): Step {
  if (!session?.announced) return { events: [] };
  const stop = Math.max(session.start, session.last);
  const event = { id: sibling(session.id), name: STOP, at: stop } as const;
  return { events: [{ ...event, session: stamp(session, stop) }] };
}

/** Another id that is the same for everyone who knows the session's: one UUID's neighbour. */
function sibling(id: string): string {
  return id.slice(0, -1) + (Number.parseInt(id.slice(-1), 16) ^ 1).toString(16);
}

function stamp({ id, start }: Session, stop?: number): SessionStamp {
  return { id, start, stop };
}

/** The sessions of this browser, or of this tab alone. */
export class Sessions {
  readonly #key: string | undefined;
  readonly #rules: SessionRules;
  readonly #newId: () => string;
  #session: Session | undefined;
  /** The session as storage has it, and the text of it. */
  #written: Session | undefined;
  #text: string | null | undefined;

  /** @param key Where the session is kept for other tabs and later visits; nowhere unless given. */
  constructor(key: string | undefined, timeout: number, newId: () => string) {
    this.#key = key;
    this.#rules = { timeout: key ? timeout : Number.POSITIVE_INFINITY, announce: false };
    this.#newId = newId;
  }

  /** Whether the start and the end of sessions are events themselves from now on. */
  announce(announce: boolean): void {
    this.#rules.announce = announce;
  }

  /** Something that is no event goes on at `at`. Gives what is to be recorded about sessions. */
  touch(at: number): SessionEvent[] {
    const { session, events } = advance(this.#read(), at, this.#rules, this.#newId);
    this.#write(session);
    return events;
  }

  /**
   * The session of an event with this name, and what is to be recorded before it. As with Amplify,
   * `_session.start` begins a session and `_session.stop` ends the one there is.
   */
  of(name: string, at: number): { stamp: SessionStamp; events: SessionEvent[] } {
    const given = this.#read();
    if (name === START) {
      const events = end(given).events;
      const session = { id: this.#newId(), start: at, last: at, announced: true };
      this.#write(session);
      return { stamp: stamp(session), events };
    }
    if (name === STOP) {
      const session = given ?? { id: this.#newId(), start: at };
      this.#write(undefined);
      return { stamp: { id: session.id, start: session.start, stop: at }, events: [] };
    }
    const events = this.touch(at);
    return { stamp: stamp(this.#session as Session), events };
  }

  /** Ends the session, as when someone else goes on. Gives what is to be recorded about it. */
  renew(): SessionEvent[] {
    const { events } = end(this.#read());
    this.#write(undefined);
    return events;
  }

  #read(): Session | undefined {
    const text = this.#key && kept(this.#key);
    if (text !== this.#text) {
      // Another tab wrote it, or an earlier visit.
      this.#text = text;
      this.#session = this.#written = parse(text ?? "");
    }
    return this.#session;
  }

  #write(session: Session | undefined): void {
    const written = this.#written;
    this.#session = session;
    const isNews =
      session?.id !== written?.id ||
      session?.announced !== written?.announced ||
      Math.abs((session?.last ?? 0) - (written?.last ?? 0)) >= PRECISION;
    if (!this.#key || !isNews) return;
    keep(this.#key, session ? JSON.stringify(session) : null);
    this.#written = session;
    // Without storage this stays as it is, and so does what is in memory.
    this.#text = kept(this.#key);
  }
}

/** Reads what is kept, which anyone may have changed. */
function parse(text: string): Session | undefined {
  try {
    const { id, start, last, announced } = JSON.parse(text);
    if (typeof id === "string" && id && Number.isFinite(start) && Number.isFinite(last)) {
      return { id, start, last, announced: announced === true };
    }
  } catch {}
}
