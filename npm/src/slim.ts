import { configure as configureClient } from "./client.js";
import type { AmplifyConfig, ForebayConfig } from "./config/config.js";

export * from "./client.js";

/** The forms in which `configure` takes `forebay_wasm_bg.wasm`. */
type Wasm = Response | BufferSource | WebAssembly.Module;

/** `forebay_wasm_bg.wasm` of the same version of the package, or a promise of it. */
export type WasmInput = Wasm | Promise<Wasm>;

/**
 * `configure` of the package's default entry, with the WebAssembly module as the second argument: a response, bytes, a
 * compiled module, a promise of one of these, or a function that returns one. A function is called again if it fails;
 * anything else is used once, so a response that breaks off cannot be fetched again.
 *
 * @throws ForebayError `InvalidConfig`, `AlreadyConfigured` (with another configuration, or by another
 * copy of the package), `NotInBrowser` (in a service worker).
 */
export function configure(
  config: ForebayConfig | AmplifyConfig,
  wasm: WasmInput | (() => WasmInput),
): void {
  const source = async () => compiled(await (typeof wasm === "function" ? wasm() : wasm));
  configureClient(config, async () => {
    const { start } = await import("./engine.js");
    return { start: (page) => start(source, page) };
  });
}

/** Compiles the module from any of its forms. */
async function compiled(wasm: Wasm): Promise<WebAssembly.Module> {
  if (wasm instanceof WebAssembly.Module) return wasm;
  return WebAssembly.compile("arrayBuffer" in wasm ? await wasm.arrayBuffer() : wasm);
}
