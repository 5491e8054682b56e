// This browser's ids: where they are kept, and where Amplify kept its own.

import { parsed } from "../json.js";
import { keep, kept, keysOf, remove } from "../local-storage.js";
import { nameOf, page, settings } from "../setup.js";

/** The endpoint id that events carry. It is kept in localStorage once consent allows it. */
export let endpointId: string;
/** The guest's last identity id from the pool, in case it cannot be kept. */
let given: string | undefined;

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

/**
 * Sets the endpoint id: the configured one, the one that another tab has `told`, the kept one, Amplify's, or a new one.
 */
export function nameEndpoint(told?: string | null): void {
  given = undefined;
  endpointId =
    settings.endpointId ??
    (told || kept(endpointKey()) || amplifyEndpoints().map(dataIn).find(Boolean) || page.uuid());
}

/**
 * Takes over the endpoint id of the leader tab if none is configured or kept. Otherwise one tab could send an event
 * again for another under a second endpoint id, and it would be two rows.
 */
export function adoptEndpointId(id: string): void {
  endpointId = settings.endpointId ?? (kept(endpointKey()) || id);
}

export const keptEndpointId = () => kept(endpointKey());

export function keepEndpointId(): void {
  keep(endpointKey(), endpointId);
}

/** The guest's identity id, if there is one: the kept one, Amplify's, or the one that could not be kept. */
export function identityId(): string | undefined {
  return [identityKey(), ...amplifyIdentities()].map(kept).find(Boolean) ?? given;
}

export function keepIdentityId(id: string): void {
  given = id;
  keep(identityKey(), id);
}

/**
 * Deletes what is kept of this application and of its identity pool, except consent; Amplify's ids too, since the next
 * visit would take them over again. Deletes nothing if another tab has done so and has `told` the new endpoint id.
 */
export function forgetKept(told?: string | null): void {
  if (told && kept(endpointKey()) === told) return;
  const { appId, identityPoolId } = settings;
  const isOfThese = (key: string) =>
    key !== nameOf("enabled.") &&
    [appId, identityPoolId].some((name) => `${key}.`.includes(`.${name}.`));
  remove([...keysOf("forebay.").filter(isOfThese), ...amplifyEndpoints(), ...amplifyIdentities()]);
}

/** The value in an item of Amplify's cache. */
function dataIn(key: string): string | undefined {
  const { data } = parsed(kept(key));
  return typeof data === "string" ? data : undefined;
}
