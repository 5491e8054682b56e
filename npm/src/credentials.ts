import type { Settings } from "./config.js";
import type { Ids } from "./ids.js";
import { type Answer, ask, type Credentials, isForebays } from "./requests.js";
import type { Login, SignIn } from "./sign-in.js";
import { keep, kept } from "./storage.js";

/** Tokens of whoever is signed in, by the names of their issuers. */
export type Logins = Record<string, string>;

/** The identity pool. */
export interface Pool {
  id: string;
  ask(operation: string, body: object): Promise<Answer>;
  /**
   * Credentials of this identity, or of another where there is none, or it is none any more: in the
   * answer's body are `IdentityId` and `Credentials`.
   */
  issue(identityId?: string): Promise<Answer>;
}

const TARGET = "AWSCognitoIdentityService.";
export const GET_CREDENTIALS = "GetCredentialsForIdentity";
/** Kept credentials that end sooner are not worth a try. */
const SHORTEST = 60_000;

function openPool({ identityEndpoint, identityPoolId, wire }: Settings): Pool {
  const isPlain = isForebays(identityEndpoint, wire);
  const pool: Pool = {
    id: identityPoolId,
    ask: (operation, body) =>
      ask(
        "POST",
        isPlain
          ? `${identityEndpoint}/?X-Amz-Target=${TARGET}${operation}`
          : `${identityEndpoint}/`,
        isPlain
          ? { "content-type": "text/plain" }
          : { "content-type": "application/x-amz-json-1.1", "x-amz-target": TARGET + operation },
        JSON.stringify(body),
      ),
    async issue(identityId) {
      const credentials = (IdentityId: string) => pool.ask(GET_CREDENTIALS, { IdentityId });
      if (identityId) {
        const answer = await credentials(identityId);
        if (!/^(ResourceNotFound|NotAuthorized|InvalidParameter)/.test(answer.type)) return answer;
      }
      const answer = await pool.ask("GetId", { IdentityPoolId: identityPoolId });
      const { IdentityId, Credentials } = answer.body;
      // Forebay's pool gives both at once.
      return !IdentityId || Credentials ? answer : credentials(IdentityId);
    },
  };
  return pool;
}

/** Those whose events this tab has, by the core's numbers; the first is the guest. */
export class Identities {
  /** The guest's is empty, others are identity ids. */
  readonly names = [""];
  readonly credentials: (Credentials | undefined)[] = [];
  readonly #settings: Settings;
  readonly #ids: Ids;
  readonly #pool: Pool;
  readonly #logins = new Map<string, Login>();

  constructor(settings: Settings, ids: Ids) {
    this.#settings = settings;
    this.#ids = ids;
    this.#pool = openPool(settings);
  }

  numberOf(name: string): number {
    const at = this.names.indexOf(name);
    return at < 0 ? this.names.push(name) - 1 : at;
  }

  /**
   * Gets credentials: those that are kept for their hour, or else new ones. Gives the milliseconds that
   * they are good for, or to wait where there are none. `offset` is what the endpoint's clock is ahead.
   */
  async renew(
    number: number,
    offset: number,
  ): Promise<{ lifetime: number } | { retryAfter: number }> {
    const now = Date.now() + offset;
    const key = this.#key(this.names[number]);
    const found = this.#kept(key);
    // The core asks though there are some: those are refused, or about to end.
    const isNews = found?.SessionToken !== this.credentials[number]?.SessionToken;
    if (found && isNews && found.Expiration * 1000 > now + SHORTEST) {
      return this.#got(number, found, now);
    }
    const answer = await this.#ask(this.names[number]);
    const given = answer?.body.Credentials;
    if (!isCredentials(given)) return { retryAfter: answer?.retryAfter ?? Number.NaN };
    if (this.#keeps()) keep(key, JSON.stringify(given));
    return this.#got(number, given, answer?.date || now);
  }

  /** Gives the identity id of whoever signs in. */
  async signIn(input: SignIn): Promise<string> {
    const { logIn } = await import("./sign-in.js");
    const login = await logIn(this.#pool, this.#settings, input);
    this.#logins.set(login.identityId, login);
    return login.identityId;
  }

  /** Of what is kept here nothing is left. */
  forget(): void {
    for (const name of this.names) keep(this.#key(name), null);
    this.names.length = 1;
    this.credentials.length = 0;
    this.#logins.clear();
  }

  #got(number: number, credentials: Credentials, now: number): { lifetime: number } {
    this.credentials[number] = credentials;
    return { lifetime: Math.max(0, credentials.Expiration * 1000 - now) };
  }

  async #ask(name: string): Promise<Answer | undefined> {
    // Whoever signed in on an earlier visit, and has not yet on this one, may do so later. The function
    // that gives the tokens is the page's, and may fail.
    if (name)
      return this.#logins
        .get(name)
        ?.renew()
        .catch(() => undefined);
    const { guestRoleArn } = this.#settings;
    if (guestRoleArn) {
      const { guestRole } = await import("./sign-in.js");
      return guestRole(this.#pool, this.#ids, this.#settings, guestRoleArn);
    }
    const answer = await this.#pool.issue(this.#ids.identityId());
    if (answer.body.IdentityId) this.#ids.keepIdentityId(answer.body.IdentityId);
    return answer;
  }

  #key(name: string): string {
    return `forebay.credentials.${this.#settings.identityPoolId}${name && `.${name}`}`;
  }

  #keeps(): boolean {
    return this.#settings.keepCredentials !== false;
  }

  #kept(key: string): Credentials | undefined {
    try {
      const found = JSON.parse(kept(key) ?? "");
      if (this.#keeps() && isCredentials(found)) return found;
    } catch {}
  }
}

function isCredentials(found: Credentials | undefined): found is Credentials {
  const { AccessKeyId, SecretKey, SessionToken, Expiration } = found ?? {};
  return !!AccessKeyId && !!SecretKey && !!SessionToken && Number.isFinite(Expiration);
}
