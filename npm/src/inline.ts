import { configure as configureClient } from "./client.js";
import type { AmplifyConfig, ForebayConfig } from "./config/config.js";

export * from "./client.js";

/**
 * As in the package's default entry, but with the WebAssembly module in a module of JavaScript, which
 * is imported once this is called.
 *
 * @throws ForebayError `InvalidConfig`, `AlreadyConfigured` (with another configuration, or by another
 * copy of the package), `NotInBrowser` (in a service worker).
 */
export function configure(config: ForebayConfig | AmplifyConfig): void {
  configureClient(config, async () => (await import("./module/embedded.js")).module());
}
