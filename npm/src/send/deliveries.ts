// Composes and sends requests to the endpoint, and tells the core their answers.

import { refusal } from "../identity/consent.js";
import { credentials } from "../identity/credentials.js";
import { endpointId } from "../identity/ids.js";
import { keep, kept, remove } from "../local-storage.js";
import { type Core, core, untilChanged, withCore } from "../module/core.js";
import { bytes, encode, put } from "../module/validator.js";
import { byNumber, type Held, tell } from "../queue/ledger.js";
import { endedElsewhere } from "../queue/outbox.js";
import { isLeaving, soon } from "../queue/turns.js";
import { wired } from "../queue/wire.js";
import { identify, nameOf, round, say, settings } from "../setup.js";
import { tellTabs } from "../tabs/channel.js";
import {
  type Answer,
  type Call,
  compressed,
  escaped,
  NO_ANSWER,
  send,
  WORTH_COMPRESSING,
} from "./requests.js";

const ACCEPTED = 202;

/** No description of the endpoint. */
const NOTHING = "{}";
/** This page's last description of the endpoint. */
let profile = NOTHING;
/** Whether the page described it before there was a core. */
export let isDescribed = false;

/** How many answers in a row said that this page may not send. */
let refusals = 0;

const offsetKey = () => nameOf("clock.");
const profileKey = () => nameOf("user.");
/** The key under which earlier versions kept the description, unchecked. */
const uncheckedKey = () => nameOf("endpoint.");

/** The clock offset at the end of an earlier visit. */
export function keptOffset(): number {
  return Number(kept(offsetKey())) || 0;
}

/** Keeps the part that can be sent of a description which an earlier version kept. */
export async function mendProfile(): Promise<void> {
  const left = kept(uncheckedKey());
  if (!left) return;
  try {
    const { mended } = await identify();
    keep(profileKey(), mended(left));
    keep(uncheckedKey(), null);
  } catch {
    // The next visit tries again.
  }
}

/** Sets the description of the endpoint, which is JSON. */
export function describe(endpoint: string): void {
  profile = endpoint;
  keepProfile();
  isDescribed = !core;
  withCore((core) => core.outbox_update_endpoint());
  soon();
}

/** Keeps this page's description for later visits, if consent allows it: otherwise an older one would stay in force. */
export function keepProfile(): void {
  const isSaid = profile !== NOTHING;
  if (isSaid && (refusal() || !keep(profileKey(), profile))) remove([profileKey()]);
}

/** Deletes the description. */
export function forgetProfile(): void {
  profile = NOTHING;
  isDescribed = false;
}

/** Bytes of a batch without events. */
export function overhead(): number {
  return envelope("", described()).length;
}

/** Sends a batch that the core has made. */
export function sendBatch(core: Core, request: number, keepalive: boolean): void {
  const [who, describes, offset, ...numbers] = requestOf(core, request);
  const batch: Held[] = [];
  const events: string[] = [];
  for (let at = 0; at < numbers.length; at += 2) {
    const held = byNumber.get(numbers[at]) as Held;
    batch.push(held);
    events.push(wired(held.row, numbers[at + 1]));
    tell(held, "sent");
  }
  const isSame = untilChanged();
  const body = envelope(events.join(), describes ? described() : NOTHING);
  const post = (body: Uint8Array<ArrayBuffer>) => {
    // If the clock is corrected before this is sent, the events' times are wrong. The signature has the same wrong
    // time, so the endpoint refuses the request, and the events are sent again with corrected times.
    const call = { method: "POST", path: "events", body, keepalive, offset };
    if (isSame()) sendSigned(core, request, call, who, batch);
  };
  if (isLeaving || settings.form || body.length < WORTH_COMPRESSING) post(body);
  else compressed(body).then(post, () => post(body));
}

/** What the core says of a request: see `outbox_request`. */
function requestOf(core: Core, request: number): Float64Array {
  return new Float64Array(bytes(core, core.outbox_request(request)).slice().buffer);
}

/** Sends the description of the endpoint. */
export function sendEndpoint(core: Core, request: number): void {
  const [who, , offset] = requestOf(core, request);
  const call = {
    // PUT would cause a CORS preflight.
    method: settings.form ? "PUT" : "POST",
    path: `endpoints/${escaped(endpointId)}`,
    body: encode(described()),
    keepalive: isLeaving,
    offset,
  };
  sendSigned(core, request, call, who, []);
}

/** Sends a request in this task, and tells the core the answer, for each of these events. */
function sendSigned(core: Core, request: number, call: Call, who: number, batch: Held[]): void {
  const begun = round;
  const found = credentials[who];
  if (!found) {
    withCore(() => answered(core, request, NO_ANSWER));
    return;
  }
  const profiled = described();
  send(call, found).then((answer) => {
    if (begun !== round) return;
    judgeProfile(profiled, answer, !batch.length);
    // The first refusal may be due to the clock, or to expired credentials.
    refusals = answer.status === 403 ? refusals + 1 : 0;
    if (refusals > 1 || answer.status === 404) say("refused", answer);
    const statuses = verdicts(batch, answer);
    const isTold = withCore((running) => {
      if (running === core) answered(core, request, answer, statuses);
      return running === core;
    });
    // A new core does not know this request, but it knows the events.
    if (isTold) return;
    const ending = { state: "delivered" } as const;
    const delivered = batch.filter((_, at) => statuses[at] === ACCEPTED);
    for (const held of delivered) endedElsewhere(held, ending);
    tellTabs({ ended: delivered.map(({ row }) => ({ id: row.id, ...ending })) });
  });
}

function answered(core: Core, request: number, answer: Answer, statuses: number[] = []): void {
  const { type, status, retryAfter, date, body } = answer;
  const hasMessageBody = [body.Message, body.RequestID].every((text) => typeof text === "string");
  put(core, [...new Uint8Array(Uint16Array.from(statuses).buffer), ...encode(type)]);
  core.outbox_answered(request, status, hasMessageBody, statuses.length, retryAfter, date);
  const offset = String(core.outbox_clock_offset());
  if (offset !== (kept(offsetKey()) ?? "0")) keep(offsetKey(), offset);
  soon();
}

/** Once the endpoint has refused a description, no further batch carries it. */
function judgeProfile(profiled: string, { status, body }: Answer, isAlone: boolean): void {
  const item = body.Results?.[endpointId]?.EndpointItemResponse;
  // If the endpoint refuses the whole request, its message says where the mistake is.
  const isDue = isAlone || /\.Endpoint\b/.test(body.Message);
  const refusal = item?.StatusCode === 400 ? item : status === 400 && isDue && body;
  // An answer that is not the endpoint's own has no message.
  if (!refusal?.Message) return;
  if (profiled === described()) {
    forgetProfile();
    remove([profileKey()]);
  }
  say("refusedUser", refusal.Message);
}

/** What an answer says about each of these events, as HTTP statuses. */
function verdicts(batch: Held[], { body, type, status }: Answer): number[] {
  const said = body.Results?.[endpointId]?.EventsItemResponse;
  return batch.map((held) => {
    const { StatusCode, Message } = said?.[held.row.id] ?? {};
    held.reason = Message ?? body.Message ?? body.message ?? (type || `HTTP ${status}`);
    if (StatusCode === 400) say("rejectedEvent", [held.row.name, Message]);
    return Number.isInteger(StatusCode) ? StatusCode : 0;
  });
}

function envelope(events: string, endpoint: string): Uint8Array<ArrayBuffer> {
  const id = JSON.stringify(endpointId);
  return encode(`{"BatchItem":{${id}:{"Endpoint":${endpoint},"Events":{${events}}}}}`);
}

/** The present description of the endpoint, as JSON. */
export function described(): string {
  return kept(profileKey()) ?? profile;
}
