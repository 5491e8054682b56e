// The identity pool's wire: that of Cognito Identity.

import { type Answer, ask } from "../send/requests.js";
import { settings } from "../setup.js";

/** A user's tokens, by the names of their issuers. */
export type Logins = Record<string, string>;

/** Asks the identity pool. */
export type Pool = typeof pool;

const TARGET = "AWSCognitoIdentityService.";

export function pool(operation: string, body: object): Promise<Answer> {
  const { identityEndpoint, poolHeaders } = settings;
  const target = TARGET + operation;
  // In the query the operation causes no CORS preflight; as a header it would.
  const query = poolHeaders ? "" : `?X-Amz-Target=${target}`;
  const headers = poolHeaders?.(target) ?? { "content-type": "text/plain" };
  return ask("POST", `${identityEndpoint}/${query}`, headers, JSON.stringify(body));
}
