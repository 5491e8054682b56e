import { configure as configureClient } from "./client.js";
import type { AmplifyConfig, ForebayConfig } from "./config/config.js";

export * from "./client.js";

/**
 * Says where events go, and starts to load the WebAssembly module without waiting for it. Takes
 * Forebay's own configuration, or Amplify's with `endpoint` added. A second call with the same
 * configuration does nothing. On a server it only checks the configuration.
 *
 * @throws ForebayError `InvalidConfig`, `AlreadyConfigured` (with another configuration, or by another
 * copy of the package), `NotInBrowser` (in a service worker).
 */
export const configure: (config: ForebayConfig | AmplifyConfig) => void = configureClient;
