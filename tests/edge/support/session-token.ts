// Credentials of the embedded identity pool, made by hand from a master secret: what the worker
// issues, written a second time from its description, so that a test can have them expired.

import { createHash, createHmac } from "node:crypto";
import type { Credentials } from "../../support/requests.ts";

const hmac = (key: Buffer, message: string | Buffer) =>
  createHmac("sha256", key).update(message).digest();

/** Credentials that run out at `expiration`, in seconds since the epoch. */
export function mint(masterSecret: Buffer, identityId: string, expiration: number): Credentials {
  const master = createHash("sha256").update(masterSecret).digest();
  const key = (purpose: string) => hmac(master, `forebay/1/${purpose}`);
  const keyId = Buffer.from("test");
  const expiry = Buffer.alloc(8);
  expiry.writeBigInt64BE(BigInt(expiration));
  const version = 1;
  const unauthenticated = 0;
  const signed = Buffer.concat([
    Buffer.from([version, unauthenticated]),
    expiry,
    Buffer.from([keyId.length]),
    keyId,
    Buffer.from(identityId),
  ]);
  const token = Buffer.concat([signed, hmac(key("session-token"), signed)]);
  const sessionToken = token.toString("base64url");
  const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const letters = [...hmac(key("access-key-id"), sessionToken).subarray(0, 16)];
  const secret = hmac(key("secret-access-key"), sessionToken).subarray(0, 30);
  return {
    identityId,
    accessKeyId: `ASIA${letters.map((byte) => BASE32[byte % 32]).join("")}`,
    secretAccessKey: secret.toString("base64"),
    sessionToken,
    expiration,
  };
}
