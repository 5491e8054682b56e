// Signatures checked and made by an implementation that is not ours.

import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { SignatureV4 } from "@smithy/signature-v4";

/** What a request says of its signature. */
export interface Claim {
  signedAt: Date;
  /** Seconds that it is good for; given where it is presigned, in its query. */
  expires?: number;
  sessionToken: string;
  signedHeaders: string[];
  signature: string;
}

/** What a request says of its signature, in its headers or else in its query. */
export function claimOf(request: IncomingMessage): Claim | undefined {
  const { headers } = request;
  const { searchParams: query } = new URL(request.url ?? "", "http://127.0.0.1");
  const presigned = query.has("X-Amz-Signature");
  const said = (name: string) => (presigned ? query.get(name) : headers[name.toLowerCase()]);
  const authorization = headers.authorization ?? "";
  const signedAt = instant(String(said("X-Amz-Date")));
  const names = presigned
    ? query.get("X-Amz-SignedHeaders")
    : /SignedHeaders=([^,]+)/.exec(authorization)?.[1];
  if (!signedAt || !names) return undefined;
  return {
    signedAt,
    expires: presigned ? Number(query.get("X-Amz-Expires")) : undefined,
    sessionToken: String(said("X-Amz-Security-Token")),
    signedHeaders: names.split(";"),
    signature: presigned ? String(query.get("X-Amz-Signature")) : authorization,
  };
}

function instant(stamp: string): Date | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp);
  if (!parts) return undefined;
  const [, year, month, day, hour, minute, second] = parts;
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/** Signs the request again from what it says it signed, and compares. S3 alone takes a path as it stands. */
export async function isSigned(
  request: IncomingMessage,
  { signedAt, expires, signedHeaders, signature }: Claim,
  body: Uint8Array,
  region: string,
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string },
  service = "mobiletargeting",
): Promise<boolean> {
  if (!signedHeaders.includes("host")) return false;
  const signer = new SignatureV4({
    credentials,
    region,
    service,
    sha256: Sha256,
    applyChecksum: false,
    uriEscapePath: service !== "s3",
  });
  const { pathname, searchParams } = new URL(request.url ?? "", "http://127.0.0.1");
  const unsigned = {
    method: request.method ?? "",
    protocol: "http:",
    hostname: "127.0.0.1",
    path: pathname,
    query: Object.fromEntries([...searchParams].filter(([name]) => !name.startsWith("X-Amz-"))),
    headers: Object.fromEntries(signedHeaders.map((name) => [name, String(request.headers[name])])),
    body,
  };
  if (expires === undefined) {
    const again = await signer.sign(unsigned, { signingDate: signedAt });
    return again.headers.authorization === signature;
  }
  const again = await signer.presign(unsigned, { signingDate: signedAt, expiresIn: expires });
  return again.query?.["X-Amz-Signature"] === signature;
}

/** Node's SHA-256 in the form the signer asks for. */
export class Sha256 {
  readonly #hash: Hash | Hmac;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret ? createHmac("sha256", secret as Buffer) : createHash("sha256");
  }
  update(data: string | Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}
