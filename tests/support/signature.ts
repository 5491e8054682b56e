// Signatures checked and made by an implementation that is not ours.

import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { SignatureV4 } from "@smithy/signature-v4";

/** When a request says it was signed; `undefined` where it does not say. */
export function signedAt(request: IncomingMessage): Date | undefined {
  const stamp = String(request.headers["x-amz-date"]);
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp);
  if (!parts) return undefined;
  const [, year, month, day, hour, minute, second] = parts;
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/** Signs the request again from what it says it signed, and compares. */
export async function isSigned(
  request: IncomingMessage,
  body: string,
  region: string,
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken: string },
): Promise<boolean> {
  const signingDate = signedAt(request);
  const authorization = request.headers.authorization ?? "";
  const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1].split(";") ?? [];
  if (!signingDate || !names.includes("host")) return false;
  const signer = new SignatureV4({
    credentials,
    region,
    service: "mobiletargeting",
    sha256: Sha256,
    applyChecksum: false,
  });
  const again = await signer.sign(
    {
      method: request.method ?? "",
      protocol: "http:",
      hostname: "127.0.0.1",
      path: request.url ?? "",
      query: {},
      headers: Object.fromEntries(names.map((name) => [name, String(request.headers[name])])),
      body,
    },
    { signingDate },
  );
  return again.headers.authorization === authorization;
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
