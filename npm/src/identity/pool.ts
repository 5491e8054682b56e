// The identity pool's wire: that of Cognito Identity.

import { type Answer, ask, isForebays } from "../send/requests.js";
import { settings } from "../setup.js";

/** Tokens of whoever is signed in, by the names of their issuers. */
export type Logins = Record<string, string>;

/** Asks the identity pool. */
export type Pool = typeof pool;

export const GET_CREDENTIALS = "GetCredentialsForIdentity";
const TARGET = "AWSCognitoIdentityService.";

export function pool(operation: string, body: object): Promise<Answer> {
  const { identityEndpoint, wire } = settings;
  const target = TARGET + operation;
  const [query, headers]: [string, Record<string, string>] = isForebays(identityEndpoint, wire)
    ? [`?X-Amz-Target=${target}`, { "content-type": "text/plain" }]
    : ["", { "content-type": "application/x-amz-json-1.1", "x-amz-target": target }];
  return ask("POST", `${identityEndpoint}/${query}`, headers, JSON.stringify(body));
}
