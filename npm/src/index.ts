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
export function configure(config: ForebayConfig | AmplifyConfig): void {
  configureClient(config, async () => {
    // Bundlers look for addresses that are written out like this.
    const url = new URL("./forebay_wasm_bg.wasm", import.meta.url);
    const response = await fetch(url).catch(() => undefined);
    // Not there, a page in its place, or forbidden: some development servers move modules away from
    // their files, and some policies let a page connect to its endpoint alone.
    const found = response?.ok && !response.headers.get("content-type")?.startsWith("text/html");
    return found ? response : (await import("./module/embedded.js")).module();
  });
}
