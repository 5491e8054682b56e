// Whose events this tab has, and what their requests are signed with.

import { parsed } from "../json.js";
import { keep, kept } from "../local-storage.js";
import { untilChanged, withCore } from "../module/core.js";
import { type Answer, ask, type Credentials } from "../send/requests.js";
import { identify, page, round, say, settings } from "../setup.js";
import { tellTabs } from "../tabs/channel.js";
import { identityId, keepIdentityId } from "./ids.js";
import { GET_CREDENTIALS } from "./operations.js";
import { pool } from "./pool.js";
import type { Login, SignIn } from "./sign-in.js";

/** Kept credentials that end sooner are not worth a try. */
const SHORTEST = 60_000;

/** Identities by the core's numbers: the guest's is empty, others are identity ids. */
export const identities = [""];
/** By the same numbers. */
export const credentials: (Credentials | undefined)[] = [];
/** Who signed in in this tab, by their identity ids. */
export const logins = new Map<string, Login>();

export function numberOf(identity: string): number {
  const at = identities.indexOf(identity);
  return at < 0 ? identities.push(identity) - 1 : at;
}

/** Gets the credentials that the core asks for: those that are kept for their hour, or else new ones. */
export async function renew(number: number): Promise<void> {
  const isSame = untilChanged();
  const begun = round;
  const now = Date.now() + (withCore((core) => core.outbox_clock_offset()) ?? 0);
  const identity = identities[number];
  const key = keyOf(identity);
  const found = credentialsIn(kept(key));
  // The core asks though there are some: those are refused, or about to end.
  const isNews = found?.SessionToken !== credentials[number]?.SessionToken;
  if (found && isNews && found.Expiration * 1000 > now + SHORTEST) {
    got(number, found, now);
  } else {
    const answer = await issued(identity, (id) => {
      if (begun === round) keepIdentityId(id);
      // The function that gives a user's tokens is the page's, and may fail; the script with roles may not come.
    }).catch(() => undefined);
    // Another core asks for itself.
    if (!isSame()) return;
    const given = answer?.body.Credentials;
    if (got(number, given, answer?.date || now)) {
      if (areKept()) keep(key, JSON.stringify(given));
    } else {
      if (answer && answer.status >= 400 && answer.status < 500) say("noCredentials", answer);
      withCore((core) => core.outbox_no_credentials(number, answer?.retryAfter ?? Number.NaN));
    }
  }
}

/** Gives the identity id of whoever signs in. */
export async function loggedIn(input: SignIn): Promise<string> {
  const { logIn } = await page.untilLoaded(identify);
  const login = await logIn({ pool, ask }, settings, input, page.fail);
  logins.set(login.identityId, login);
  return login.identityId;
}

/** Another core asks for credentials anew: those that are kept will do. */
export function forgetGiven(): void {
  credentials.length = 0;
}

/** Nobody is known any more. */
export function forgetCredentials(): void {
  identities.length = 1;
  credentials.length = 0;
  logins.clear();
}

/** Takes credentials of an identity, by its number, at the endpoint's time `now`. Gives whether they are some. */
export function got(number: number, given: Credentials | undefined, now: number): boolean {
  if (!isCredentials(given)) return false;
  const lifetime = Math.max(0, given.Expiration * 1000 - now);
  credentials[number] = given;
  withCore((core) => core.outbox_got_credentials(number, lifetime));
  return true;
}

/** Credentials, in the answer's body. */
async function issued(
  identity: string,
  keepIdentityId: (id: string) => void,
): Promise<Answer | undefined> {
  // A user of an earlier visit may sign in later, or may have signed in in another tab.
  if (identity) {
    const login = logins.get(identity);
    if (!login) tellTabs({ lacks: identity });
    return login?.renew();
  }
  if (settings.guestRoleArn) {
    const { guestRole } = await identify();
    return guestRole({ pool, ask }, settings, identityId(), keepIdentityId);
  }
  const answer = await issuedToGuest();
  if (answer.body.IdentityId) keepIdentityId(answer.body.IdentityId);
  return answer;
}

/** Credentials of the guest. Where there is no identity, or the pool does not know it any more, of a new one. */
async function issuedToGuest(): Promise<Answer> {
  const of = (IdentityId: string) => pool(GET_CREDENTIALS, { IdentityId });
  const known = identityId();
  if (known) {
    const answer = await of(known);
    if (!/^(ResourceNotFound|NotAuthorized|InvalidParameter)/.test(answer.type)) return answer;
  }
  const answer = await pool("GetId", { IdentityPoolId: settings.identityPoolId });
  const { IdentityId, Credentials } = answer.body;
  // Forebay's pool gives both at once.
  return !IdentityId || Credentials ? answer : of(IdentityId);
}

function keyOf(identity: string): string {
  return `forebay.credentials.${settings.identityPoolId}${identity && `.${identity}`}`;
}

function areKept(): boolean {
  return settings.keepCredentials !== false;
}

function credentialsIn(text: string | null): Credentials | undefined {
  const found = parsed(text);
  return areKept() && isCredentials(found) ? found : undefined;
}

function isCredentials(found: Credentials | undefined): found is Credentials {
  const { AccessKeyId, SecretKey, SessionToken, Expiration } = found ?? {};
  return !!(AccessKeyId && SecretKey && SessionToken && Number.isFinite(Expiration));
}
