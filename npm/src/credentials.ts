import type { Settings } from "./config.js";
import type { Ids } from "./ids.js";
import { type Answer, ask, type Credentials, isForebays } from "./requests.js";
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

export function openPool({ identityEndpoint, identityPoolId, wire }: Settings): Pool {
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

/** Credentials that outlive the page for their hour. */
export class Keeper {
  readonly #prefix: string;
  readonly #isOff: boolean;

  constructor({ identityPoolId, keepCredentials }: Settings) {
    this.#prefix = `forebay.credentials.${identityPoolId}`;
    this.#isOff = !keepCredentials;
  }

  #key(who: string): string {
    return who ? `${this.#prefix}.${who}` : this.#prefix;
  }

  /** What is kept and still good at `now`, unless it is `refused`. */
  find(who: string, now: number, refused?: Credentials): Credentials | undefined {
    try {
      const found: Credentials = JSON.parse(kept(this.#key(who)) ?? "");
      const isGood = isCredentials(found) && found.Expiration * 1000 > now + SHORTEST;
      if (!this.#isOff && isGood && found.SessionToken !== refused?.SessionToken) return found;
    } catch {}
  }

  keep(who: string, credentials: Credentials): void {
    if (!this.#isOff) keep(this.#key(who), JSON.stringify(credentials));
  }

  forget(whos: string[]): void {
    for (const who of whos) keep(this.#key(who), null);
  }
}

export function isCredentials(found: Credentials | undefined): found is Credentials {
  const { AccessKeyId, SecretKey, SessionToken, Expiration } = found ?? {};
  return !!AccessKeyId && !!SecretKey && !!SessionToken && Number.isFinite(Expiration);
}

/** The guest's credentials. */
export async function ofGuest(pool: Pool, ids: Ids, settings: Settings): Promise<Answer> {
  if (settings.guestRoleArn) {
    const { guestRole } = await import("./sign-in.js");
    return guestRole(pool, ids, settings, settings.guestRoleArn);
  }
  const answer = await pool.issue(ids.identityId());
  if (answer.body.IdentityId) ids.keepIdentityId(answer.body.IdentityId);
  return answer;
}
