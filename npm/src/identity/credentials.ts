// The identities whose events this tab has, and their credentials.

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

/** Kept credentials that expire within this time, in milliseconds, are not used. */
const SHORTEST = 60_000;

/** Identities by the core's numbers: the guest's is empty, others are identity ids. */
export const identities = [""];
/** Credentials by the same numbers. */
export const credentials: (Credentials | undefined)[] = [];
/** Users who signed in in this tab, by their identity ids. */
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
  // If the core asks although there are credentials, these are refused, or about to expire.
  const isNews = found?.SessionToken !== credentials[number]?.SessionToken;
  if (found && isNews && found.Expiration * 1000 > now + SHORTEST) {
    got(number, found, now);
  } else {
    const answer = await issued(identity, (id) => {
      if (begun === round) keepIdentityId(id);
      // The page's function for tokens may fail, and the script with roles may not load.
    }).catch(() => undefined);
    // A new core asks again itself.
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

/** Gives the identity id of the user who signs in. */
export async function loggedIn(input: SignIn): Promise<string> {
  const { logIn } = await page.untilLoaded(identify);
  const login = await logIn({ pool, ask }, settings, input, page.fail);
  logins.set(login.identityId, login);
  return login.identityId;
}

/** A new core asks for credentials anew, and may use the kept ones. */
export function forgetGiven(): void {
  credentials.length = 0;
}

/** Forgets all identities and credentials. */
export function forgetCredentials(): void {
  identities.length = 1;
  credentials.length = 0;
  logins.clear();
}

/** Takes credentials of the identity with this number. `now` is the endpoint's time. Gives whether they can be used. */
export function got(number: number, given: Credentials | undefined, now: number): boolean {
  if (!isCredentials(given)) return false;
  const lifetime = Math.max(0, given.Expiration * 1000 - now);
  credentials[number] = given;
  withCore((core) => core.outbox_got_credentials(number, lifetime));
  return true;
}

/** Asks for credentials, which are in the answer's body. */
async function issued(
  identity: string,
  keepIdentityId: (id: string) => void,
): Promise<Answer | undefined> {
  // A user of an earlier visit may sign in later, or may be signed in in another tab.
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

/** Asks for the guest's credentials; for those of a new identity if there is none, or the pool does not know it. */
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
