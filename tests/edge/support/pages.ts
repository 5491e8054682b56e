// What a page on another origin asks of the identity pool.

import assert from "node:assert/strict";
import type { Credentials } from "../../support/requests.ts";

/** Whether a browser sends it to another origin as it is: Fetch Standard, CORS-safelisted. */
function isSimple(request: Request): boolean {
  const types = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"];
  const isSafe = ([name, value]: [string, string]) =>
    ["accept", "accept-language", "content-language"].includes(name) ||
    (name === "content-type" && types.includes(value.split(";")[0]));
  return ["GET", "HEAD", "POST"].includes(request.method) && [...request.headers].every(isSafe);
}

/** Calls an operation without a CORS preflight, and sees that the page may read the answer. */
export async function askAsPage(edge: string, operation: string, body: unknown): Promise<Response> {
  const request = new Request(`${edge}/?X-Amz-Target=AWSCognitoIdentityService.${operation}`, {
    method: "POST",
    headers: { "content-type": "text/plain" },
    body: JSON.stringify(body),
  });
  assert.ok(isSimple(request));
  const response = await fetch(request);
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
  const exposed = response.headers.get("access-control-expose-headers")?.toLowerCase().split(", ");
  for (const name of ["date", "retry-after", "x-amzn-errortype"]) {
    assert.ok(exposed?.includes(name), name);
  }
  assert.ok(Math.abs(Date.parse(response.headers.get("date") ?? "") - Date.now()) < 60_000);
  return response;
}

/** The credentials in an answer to GetId or GetCredentialsForIdentity. */
export async function credentialsIn(response: Response): Promise<Credentials> {
  const text = await response.text();
  assert.equal(response.status, 200, text);
  const { IdentityId, Credentials } = JSON.parse(text);
  return {
    identityId: IdentityId,
    accessKeyId: Credentials.AccessKeyId,
    secretAccessKey: Credentials.SecretKey,
    sessionToken: Credentials.SessionToken,
    expiration: Credentials.Expiration,
  };
}
