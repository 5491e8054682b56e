// This browser's ids: where they are kept, and where Amplify left those it had before.

import { parsed } from "../json.js";
import { keep, kept, remove } from "../local-storage.js";
import { nameOf, page, settings } from "../setup.js";
import { keyOfSession } from "./session.js";

/** Whom events are recorded of; kept once that may be. */
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

/** Sets the endpoint id: as configured, as kept, as Amplify left it, or a new one. */
export function nameEndpoint(): void {
  endpointId =
    settings.endpointId ??
    (kept(endpointKey()) || first(amplifyEndpoints(), dataOf) || page.uuid());
}

/**
 * Takes over the id of the tab that sends where none is configured or kept: an event that one tab sends again
 * for another stays one endpoint's.
 */
export function adoptEndpointId(id: string): void {
  endpointId = settings.endpointId ?? (kept(endpointKey()) || id);
}

export function keepEndpointId(): void {
  keep(endpointKey(), endpointId);
}

/** The guest's identity id, if there is one: as kept, or as Amplify left it. */
export function identityId(): string | undefined {
  return kept(identityKey()) || first(amplifyIdentities(), (id) => id);
}

export function keepIdentityId(id: string): void {
  keep(identityKey(), id);
}

/** Deletes them all, the session's too, and Amplify's: they would come back at the next visit. */
export function forgetIds(): void {
  remove([
    keyOfSession(),
    endpointKey(),
    identityKey(),
    ...amplifyEndpoints(),
    ...amplifyIdentities(),
  ]);
}

/** The first of these keys under which there is something to be read. */
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
