// The session of this browser, or of this tab alone.

import { parsed } from "../json.js";
import { keep, kept } from "../local-storage.js";
import { nameOf, page, settings } from "../setup.js";

/** A session as it is kept. Times in milliseconds since the epoch, by this browser's clock. */
interface Session {
  id: string;
  start: number;
  /** When the last event was recorded in it. */
  last: number;
  /** Whether its `_session.start` was recorded, so that `_session.stop` will be. */
  announced?: boolean;
  /** The identity that it began under; empty for the guest. */
  who: string;
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

/** The names that Amplify gives to the start and the end of a session. */
const START = "_session.start";
const STOP = "_session.stop";

/** Milliseconds by which `last` in storage may be behind, since it is not written for every event. */
const PRECISION = 1000;

/** The key of localStorage with the session, for other tabs and later visits; `undefined` unless they share it. */
let sessionKey: string | undefined;
/** Milliseconds without an event after which a session has ended. */
let timeout = Number.POSITIVE_INFINITY;
/** Whether the start and the end of sessions are events themselves. */
let announces = false;
let session: Session | undefined;
/** The identity that records at present. */
let owner = "";
let isRead = false;
/** The text in storage, and `last` in it. */
let text: string | null | undefined;
let written = 0;

export function openSessions(): void {
  if (settings.sessions === "perTab") return;
  sessionKey = nameOf("session.");
  timeout = settings.sessionTimeout;
}

/** Sets whether the start and the end of sessions are events themselves. */
export function announce(yes: boolean): void {
  announces = yes;
}

/** The session that an event at this time would belong to, if there is one. */
export function sessionAt(at: number): Session | undefined {
  const known = read();
  return known && Math.abs(at - known.last) <= timeout ? known : undefined;
}

/**
 * An event is recorded at `at`. Continues the session; or ends it and begins the next one, if the time without an event
 * was too long or the clock was put back by more than that. Gives the session events to record before it.
 */
export function touch(at: number): SessionEvent[] {
  const known = sessionAt(at);
  const next = known ? { ...known, last: at } : begun(at);
  const events = known ? [] : ended(session);
  if (announces && !next.announced) {
    // Two tabs may notice at the same time. Both record it under one id, so it counts once.
    events.push({ id: next.id, name: START, at: next.start, session: stamp(next) });
    next.announced = true;
  }
  write(next);
  return events;
}

/**
 * The session of an event with this name, and the session events to record before it. As with Amplify, `_session.start`
 * begins a session and `_session.stop` ends the current one.
 */
export function sessionOf(name: string, at: number): [SessionStamp, SessionEvent[]] {
  if (name === STOP) {
    const stopped = stamp(read() ?? begun(at), at);
    write(undefined);
    return [stopped, []];
  }
  const isStart = name === START;
  const events = isStart ? renewSession() : touch(at);
  if (isStart) write({ ...begun(at), announced: true });
  return [stamp(session as Session), events];
}

/**
 * Another identity records from now on: in the present session if that began under it on an earlier page, or else in a
 * new one. Gives the event to record about the end of the old session, if any.
 */
export function passTo(identity: string): SessionEvent[] {
  owner = identity;
  return read()?.who === identity ? [] : renewSession();
}

/** Goes on as a new visitor, in a session that another tab may have begun already. */
export function forgetSession(): void {
  owner = "";
  if (sessionKey && kept(sessionKey) === text) keep(sessionKey, null);
  session = undefined;
  text = sessionKey && null;
}

/** Ends the session. Gives the event to record about that, if any. */
function renewSession(): SessionEvent[] {
  const events = ended(read());
  write(undefined);
  return events;
}

function begun(at: number): Session {
  return { id: page.uuid(), start: at, last: at, who: owner };
}

/** The event about the end of a session, with the time of the session's last event. */
function ended(session: Session | undefined): SessionEvent[] {
  if (!session?.announced) return [];
  const { id, start, last } = session;
  const at = Math.max(start, last);
  // The session's id with its last bit flipped: every tab derives the same one.
  const sibling = id.slice(0, -1) + (Number.parseInt(id.slice(-1), 16) ^ 1).toString(16);
  return [{ id: sibling, name: STOP, at, session: stamp(session, at) }];
}

function stamp({ id, start }: Session, stop?: number): SessionStamp {
  return { id, start, stop };
}

/** Reads localStorage once a task: what another tab writes within the task may wait for the next one. */
function read(): Session | undefined {
  if (isRead) return session;
  isRead = true;
  queueMicrotask(() => {
    isRead = false;
  });
  const found = sessionKey && kept(sessionKey);
  if (found !== text) {
    // Another tab wrote it, or an earlier visit.
    text = found;
    session = sessionIn(found ?? "");
    written = session?.last ?? 0;
  }
  return session;
}

function write(next: Session | undefined): void {
  const last = next?.last ?? 0;
  const isNews =
    next?.id !== session?.id ||
    next?.announced !== session?.announced ||
    Math.abs(last - written) >= PRECISION;
  session = next;
  if (!sessionKey || !isNews) return;
  keep(sessionKey, next ? JSON.stringify(next) : null);
  written = last;
  // Without storage nothing is read back, and the session in memory stays.
  text = kept(sessionKey);
}

function sessionIn(text: string): Session | undefined {
  const { id, start, last, announced, who } = parsed(text);
  if (id && typeof id === "string" && Number.isFinite(start) && Number.isFinite(last)) {
    return { id, start, last, announced: announced === true, who };
  }
}
