// What the engine runs with. A page has one engine: what its modules hold they hold for it, and these are
// the givens that they share.

import type { Settings } from "./config/config.js";
import type { Page } from "./engine.js";
import type { Form } from "./send/requests.js";

export let settings: Settings;
export let page: Page;
/** The form of requests that another endpoint than Forebay's takes. */
export let form: Form | undefined;
/** Goes up where everything is forgotten: what was asked before is not waited for. */
export let round = 0;

export function setUp(theSettings: Settings, thePage: Page, theForm: Form | undefined): void {
  settings = theSettings;
  page = thePage;
  form = theForm;
}

export function nextRound(): void {
  round++;
}

/** The name of what is kept of this application, by what it is. */
export function nameOf(what: string): string {
  return `forebay.${what}${settings.appId}`;
}

/** The words for what is to be put right. From one place, since bundlers add to each `import()`. */
export const mistakes = () => import("./config/mistakes.js");

const said = new Set<string>();

/** Says on the console, once, what is to be put right; nothing where the words for it do not come. */
export function say(
  what:
    | "invalidEvent"
    | "noCredentials"
    | "noDisk"
    | "noRoom"
    | "refused"
    | "refusedUser"
    | "rejectedEvent"
    | "silentTab"
    | "trapped"
    | "unanswered"
    | "unreadableSchema",
  reason?: unknown,
): void {
  if (said.has(what)) return;
  said.add(what);
  mistakes().then(
    (words) => words[what](reason as never, settings),
    () => {},
  );
}
