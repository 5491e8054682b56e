// What to say where something is to be put right: no page that is as it should be loads these words.

import type { Answer } from "../send/requests.js";
import type { Fail, Violation } from "../types.js";
import type { Settings } from "./config.js";

/** Whether it was told that requests are refused: that they fail is no news then. */
let isRefusalTold = false;

/**
 * Looks whether any WebAssembly runs here.
 *
 * @throws ForebayError `WasmBlocked`
 */
export function probe(fail: Fail): void {
  try {
    // The smallest module there is: magic number and version. WebKit compiles what it forbids to run.
    new WebAssembly.Instance(
      new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)),
    );
  } catch (error) {
    fail(
      "WasmBlocked",
      `Forebay cannot send, and events wait: ${error} ` +
        `A Content-Security-Policy has to allow 'wasm-unsafe-eval' in script-src.`,
    );
  }
}

const WORDS = {
  invalidEvent,
  noCredentials,
  noDisk,
  noRoom,
  refused,
  refusedUser,
  rejectedEvent,
  silentTab,
  trapped,
  unanswered,
  unreadableSchema,
};

/** What can be said. */
export type Mistake = keyof typeof WORDS;

const told = new Set<Mistake>();

/** Says on the console, once, what is to be put right, and why. */
export function say(what: Mistake, reason: unknown, settings: Settings): void {
  if (told.has(what)) return;
  told.add(what);
  WORDS[what](reason as never, settings);
}

/** `reason`: the error of IndexedDB; nothing if it does not answer. */
function noDisk(given: unknown, { appId }: Settings): void {
  const reason = given ?? "IndexedDB does not answer.";
  const { name } = reason as Partial<DOMException>;
  console.warn(
    "Forebay: this page has no disk. A private window or blocked cookies may be why. Events wait in memory; those " +
      "that wait when the page closes go to localStorage, as many as fit there, and the others are lost.",
    name === "NotFoundError"
      ? `Another program of this site has a database named forebay.${appId}: let it take another name.`
      : reason,
  );
}

/** `reason`: the error of IndexedDB. */
function noRoom(reason: unknown): void {
  console.warn(
    "Forebay: the disk does not take events. Those that wait when the page closes go to localStorage, as many as " +
      "fit there, and the others are lost. navigator.storage.estimate() says how much room this site has left.",
    reason,
  );
}

/** `reason`: the trap. */
function trapped(reason: unknown): void {
  console.error(
    "Forebay: its WebAssembly module failed, and another one goes on with what waits. This is a fault of " +
      "Forebay's; please report it.",
    reason,
  );
}

function unreadableSchema(): void {
  console.error(
    "Forebay: the schema cannot be read, and events are validated at the endpoint only. " +
      "Run `npx forebay codegen` with the version of the package that the page loads.",
  );
}

/** The first event that is not valid. */
function invalidEvent([name, violations]: [string, Violation[]]): void {
  const what = violations.map(
    ({ path, expected, actual }) => `${path} has to be ${expected}, and is ${actual}`,
  );
  console.warn(
    `Forebay: the event ${name} is not valid, and is not sent: ${what.join("; ")}. ` +
      "Further ones are told by onDelivery(), stats() and the setting `debug`.",
  );
}

/** The first event that the endpoint refuses for what is in it. */
function rejectedEvent([name, reason]: [string, unknown]): void {
  console.warn(
    `Forebay: the endpoint refuses the event ${name}: ${reason} ` +
      "If its schema is older than that of the page, give it the new one. " +
      "Further ones are told by onDelivery(), stats() and the setting `debug`.",
  );
}

/** The leader tab does not answer. */
function silentTab(): void {
  console.warn(
    "Forebay: the tab that sends for this one does not answer, so that this one sends from now on. The other one " +
      "hangs, in a long task for example, or could not load a script: reload it. What it sent last may arrive " +
      "twice, under the same ids.",
  );
}

/** Again and again there is no answer of use, from the endpoint or the identity pool. */
function unanswered({ url, answer }: { url: string; answer: Answer }): void {
  if (isRefusalTold) return;
  // Without the signature.
  const address = url.replace(/\?.*/, "");
  console.error(
    answer.status
      ? `Forebay: events wait. ${said(answer, address)} ${foreign(answer)}`
      : `Forebay: ${address} does not answer, so that events wait. Is the address right? ` +
          "Other messages of the browser may name what is in the way: a Content-Security-Policy, whose " +
          "connect-src has to allow the address; an extension that blocks requests, which may let through a path " +
          "of the page's own site; a server that does not allow this page's origin (CORS); or a firewall.",
  );
}

/** The identity pool gives nothing to sign with. */
function noCredentials(answer: Answer, settings: Settings): void {
  const { identityPoolId, identityEndpoint, guestRoleArn } = settings;
  isRefusalTold = true;
  const advice =
    foreign(answer) ||
    `Does it have the identity pool ${identityPoolId}, and may guests use that` +
      `${guestRoleArn ? ` and take on the role ${guestRoleArn}` : ""}?`;
  console.error(
    `Forebay: no credentials, so that events wait. ${said(answer, identityEndpoint)} ${advice}`,
  );
}

/** The endpoint does not take requests of this page. */
function refused(answer: Answer, { endpoint, appId, region }: Settings): void {
  isRefusalTold = true;
  const advice =
    foreign(answer) ||
    (answer.status === 404
      ? `Does it have the application ${appId}?`
      : /AccessDenied/.test(answer.type)
        ? "The role of the identity pool's guests needs mobiletargeting:PutEvents and mobiletargeting:UpdateEndpoint."
        : `Is its region ${region}, and are the credentials of its own identity pool? ` +
          "A proxy before it has to hand on the host, and the path by `base_path`.");
  console.error(
    `Forebay: the endpoint refuses requests, so that events wait. ${said(answer, endpoint)} ${advice}`,
  );
}

/** What to do about an answer that is not the endpoint's own: nothing of Forebay's, or of AWS, is in it. */
function foreign({ type, body, text }: Answer): string {
  const isOwn = type || body.Message || body.message || /<RequestId>/.test(text);
  return isOwn
    ? ""
    : "That is no answer of Forebay's worker, or of AWS. Is the address right? " +
        "A web server, a proxy or a firewall may answer in its place.";
}

/** What came as an answer, such as STS has it too, in XML. */
function said({ status, type, body, text }: Answer, url: string): string {
  const member = (name: string) => new RegExp(`<${name}>([^<]*)<`).exec(text)?.[1];
  const words = [type || member("Code"), body.Message ?? body.message ?? member("Message")];
  return `${url} answered ${[status, ...words].filter(Boolean).join(" ")}.`;
}

/** `reason`: what the endpoint says. */
function refusedUser(reason: unknown): void {
  console.error(
    `Forebay: the endpoint refuses what identifyUser() said, and events go on without it: ${reason} ` +
      "Call identifyUser() without the value that it names: strings may have 100 characters, lists 50 strings.",
  );
}
