import type { Settings } from "./config.js";
import { keep, kept } from "./storage.js";

/** Where this browser's ids are kept, and where Amplify left those it had before. */
export class Ids {
  readonly #endpoint: string;
  readonly #identity: string;
  /** Amplify v6 and v5: items of their caches, with the endpoint id in `data`. */
  readonly #amplifyEndpoints: string[];
  /** Amplify v6 and v5. */
  readonly #amplifyIdentities: string[];
  /** The endpoint id of a browser that has none, until it is kept. */
  #newcomer: string | undefined;
  /** Where the session is kept. */
  readonly session: string;

  constructor({ appId, identityPoolId }: Pick<Settings, "appId" | "identityPoolId">) {
    this.session = `forebay.session.${appId}`;
    this.#endpoint = `forebay.endpointId.${appId}`;
    this.#identity = `forebay.identityId.${identityPoolId}`;
    this.#amplifyEndpoints = [
      `aws-amplify-cacheAnalytics:pinpoint:${appId}`,
      `aws-amplify-cacheAWSPinpoint_${appId}`,
    ];
    this.#amplifyIdentities = [
      `com.amplify.Cognito.${identityPoolId}.identityId`,
      `CognitoIdentityId-${identityPoolId}`,
    ];
  }

  /** This browser's endpoint id: as kept, or as Amplify left it, or a new one. */
  endpointId(newId: () => string): string {
    this.#newcomer ??= newId();
    return kept(this.#endpoint) || first(this.#amplifyEndpoints, dataOf) || this.#newcomer;
  }

  keepEndpointId(id: string): void {
    keep(this.#endpoint, id);
  }

  /** The guest's identity id, if there is one: as kept, or as Amplify left it. */
  identityId(): string | undefined {
    return kept(this.#identity) || first(this.#amplifyIdentities, (id) => id);
  }

  keepIdentityId(id: string): void {
    keep(this.#identity, id);
  }

  /** Deletes them all, and Amplify's too: they would come back at the next visit. */
  forget(): void {
    this.#newcomer = undefined;
    const keys = [this.session, this.#endpoint, this.#identity];
    for (const key of [...keys, ...this.#amplifyEndpoints, ...this.#amplifyIdentities]) {
      keep(key, null);
    }
  }
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
  try {
    const { data } = JSON.parse(item);
    if (typeof data === "string") return data;
  } catch {}
}
