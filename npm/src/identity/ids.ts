// This browser's ids: where they are kept, and where Amplify kept the ids that it used before.

import { parsed } from "../json.js";
import { keep, kept, remove } from "../local-storage.js";
import { nameOf, page, settings } from "../setup.js";
import { keyOfSession } from "./session.js";

/** The endpoint id that events carry. It is kept in localStorage once consent allows it. */
export let endpointId: string;

const endpointKey = () => nameOf("endpointId.");
const identityKey = () => `forebay.identityId.${settings.identityPoolId}`;

/** Where Amplify v6 and v5 keep the endpoint id: items of their caches, with it in `data`. */
const amplifyEndpoints = () => [
  `aws-amplify-cacheAnalytics:pinpoint:${settings.appId}`,
  `aws-amplify-cacheAWSPinpoint_${settings.appId}`,
];

/** Where Amplify v6 and v5 keep the identity id. */
const amplifyIdentities = () => [
  `com.amplify.Cognito.${settings.identityPoolId}.identityId`,
  `CognitoIdentityId-${settings.identityPoolId}`,
];

/** Sets the endpoint id: the configured one, the kept one, Amplify's, or a new one, in this order. */
export function nameEndpoint(): void {
  endpointId =
    settings.endpointId ??
    (kept(endpointKey()) || first(amplifyEndpoints(), dataOf) || page.uuid());
}

/**
 * Takes over the endpoint id of the leader tab where none is configured or kept. Otherwise an event that one tab
 * sends again for another would be two endpoints', and so two rows.
 */
export function adoptEndpointId(id: string): void {
  endpointId = settings.endpointId ?? (kept(endpointKey()) || id);
}

export function keepEndpointId(): void {
  keep(endpointKey(), endpointId);
}

/** The guest's identity id, if there is one: the kept one, or Amplify's. */
export function identityId(): string | undefined {
  return kept(identityKey()) || first(amplifyIdentities(), (id) => id);
}

export function keepIdentityId(id: string): void {
  keep(identityKey(), id);
}

/** Deletes all ids and the session. Amplify's too, since they would be taken over again on the next visit. */
export function forgetIds(): void {
  remove([
    keyOfSession(),
    endpointKey(),
    identityKey(),
    ...amplifyEndpoints(),
    ...amplifyIdentities(),
  ]);
}

/** What `read` finds under the first of these keys that has something. */
function first(keys: string[], read: (text: string) => string | undefined): string | undefined {
  for (const key of keys) {
    const found = read(kept(key) ?? "");
    if (found) return found;
  }
}

/** The value in an item of Amplify's cache. */
function dataOf(item: string): string | undefined {
  const { data } = parsed(item);
  return typeof data === "string" ? data : undefined;
}
