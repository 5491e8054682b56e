// An identity pool: it gives out credentials, and knows which requests are signed with them.

import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { claimOf, isSigned } from "./signature.ts";

export const REGION = "us-east-1";
export const IDENTITY_POOL_ID = "us-east-1:f0e1d2c3-0000-4000-8000-000000000001";

const KEY = {
  accessKeyId: "ASIAEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};
/** How far the time of a signature may be from the endpoint's, as AWS has it. */
const SIGNATURE_TOLERANCE_MS = 5 * 60_000;

/** Why a request is refused with status 403. */
export interface Refusal {
  type: "InvalidSignatureException" | "ExpiredTokenException";
  message: string;
}

export class Pool {
  /** Whose credentials there are and when they end, by their session tokens. */
  readonly #issued = new Map<string, { identityId: string; expiration: number }>();

  /** An identity that exists already, or a new one, with credentials that end at `expiration`. */
  issue(identityId = `us-east-1:${randomUUID()}`, expiration: number): object {
    const token = `a token/with+signs==${randomUUID()}`;
    this.#issued.set(token, { identityId, expiration });
    return {
      IdentityId: identityId,
      Credentials: {
        AccessKeyId: KEY.accessKeyId,
        SecretKey: KEY.secretAccessKey,
        SessionToken: token,
        Expiration: expiration / 1000,
      },
    };
  }

  /** Whose credentials a request was signed with, as far as it says so. */
  identityOf(request: IncomingMessage): string | undefined {
    return this.#issued.get(claimOf(request)?.sessionToken ?? "")?.identityId;
  }

  /** What is wrong with a request's signature; `undefined` where nothing is. */
  async refusal(
    request: IncomingMessage,
    body: Uint8Array,
    now: number,
  ): Promise<Refusal | undefined> {
    const claim = claimOf(request);
    const issued = this.#issued.get(claim?.sessionToken ?? "");
    if (!claim || !issued) return invalid("It is not signed with credentials from here.");
    const credentials = { ...KEY, sessionToken: claim.sessionToken };
    if (!(await isSigned(request, claim, body, REGION, credentials))) {
      return invalid("The signature does not match.");
    }
    const age = now - claim.signedAt.getTime();
    const lifetime = claim.expires === undefined ? SIGNATURE_TOLERANCE_MS : claim.expires * 1000;
    if (age > lifetime || age < -SIGNATURE_TOLERANCE_MS) {
      return invalid("Signature expired, or not yet current.");
    }
    if (issued.expiration <= now) {
      return { type: "ExpiredTokenException", message: "The security token has expired." };
    }
    return undefined;
  }
}

function invalid(message: string): Refusal {
  return { type: "InvalidSignatureException", message };
}
