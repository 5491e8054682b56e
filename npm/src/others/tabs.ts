// Other tabs: events that this tab records and another sends, and events that this tab sends for others.

import type { Ended, Message, Shared } from "../tabs/channel.js";
import { parts } from "./parts.js";
import { eventOf, isRow } from "./rows.js";

/** Milliseconds of silence after which another tab takes the leader's place. */
const SILENCE = 3000;
/**
 * A timer that is later than this, in milliseconds, shows that this tab was asleep and may not have heard an answer.
 */
const LATE = 500;

/** When the leader tab was heard last. */
let heardAt = 0;
let isWatching = false;
/** Whether another tab has led, and may have sent events that this one had on disk alone. */
export let hasOtherLed = false;

/** Takes a message of another tab. */
export function hear(message: Message): void {
  const { events, ended, leads, ping, pong, endpoint, lacks, lent } = message;
  const isLeader = parts.isLeader();
  if (endpoint && (ping || !isLeader)) parts.adoptEndpointId(endpoint);
  if (ended || leads || pong) heardAt = performance.now();
  const over = isLeader && parts.isRunning() ? (events ?? []).flatMap(take) : [];
  if (over.length) parts.tellTabs({ ended: over });
  ended?.forEach(hearEnded);
  hasOtherLed ||= !!leads;
  if (lacks) lend(lacks);
  if (lent && isLeader) borrow(lent);
  // A new leader has no events that are not on disk; and while it knew of no tab, it told nobody how events ended.
  if (leads) handOver([...parts.byNumber.values()]);
  parts.soon();
}

/** Gives the leader tab the credentials of a user who signed in in this tab. */
async function lend(identity: string): Promise<void> {
  const login = parts.logins.get(identity);
  const answer = await login?.renew().catch(() => undefined);
  if (answer) parts.tellTabs({ lent: { identity, credentials: answer.body.Credentials } });
}

function borrow({ identity, credentials }: NonNullable<Message["lent"]>): void {
  if (!identity) return;
  const offset = parts.withCore((core) => core.outbox_clock_offset()) ?? 0;
  parts.got(parts.numberOf(identity), credentials, Date.now() + offset);
}

/** Takes another tab's event, to send it. Gives how it ended, if it has ended. */
export function take({ row, place, immediate }: Shared): Ended[] {
  const { id } = row ?? {};
  const ending = parts.lately.get(id);
  if (ending) return [{ id, ...ending }];
  if (parts.byId.has(id) || !isRow(row)) return [];
  const held = parts.hold(row, false, immediate);
  held.place = place;
  held.isStored = !!place;
  if (!row.checked) held.event = eventOf(row);
  parts.accept(held);
  return [];
}

export function hearEnded({ id, ...ending }: Ended): void {
  const held = parts.byId.get(id);
  parts.remember(id, ending);
  if (held) parts.endedElsewhere(held, ending);
}

/** Hands events over to the leader tab: these, or by default those that are not on disk. */
export function handOver(
  all = [...parts.byNumber.values()].filter(({ isStored }) => !isStored),
): void {
  if (parts.isLeader()) return;
  const events = all
    .filter(({ isOurs, isAccepted, number }) => isOurs && isAccepted && parts.byNumber.has(number))
    .map(
      ({ row, place, immediate, isStored }): Shared => ({
        row,
        place: isStored ? place : undefined,
        immediate,
      }),
    );
  if (!events.length) return;
  parts.tellTabs({ events });
  if (!isWatching) watch();
}

/** While the leader tab has events of this tab, asks it whether it lives; takes its place if it does not answer. */
function watch(): void {
  isWatching = true;
  const asked = performance.now();
  parts.tellTabs({ ping: true });
  setTimeout(() => {
    isWatching = false;
    if (parts.isLeader() || !parts.byNumber.size) return;
    const isSilent = heardAt < asked && performance.now() - asked < SILENCE + LATE;
    if (isSilent) {
      parts.say("silentTab");
      parts.steal();
    } else watch();
  }, SILENCE);
}
