import { configure as configureClient } from "./client.js";
import type { AmplifyConfig, ForebayConfig } from "./config/config.js";

export * from "./client.js";

/** What `forebay_wasm_bg.wasm` comes as. */
type Wasm = Response | BufferSource | WebAssembly.Module;

/** `forebay_wasm_bg.wasm` of the same version of the package, or a promise of it. */
export type WasmInput = Wasm | Promise<Wasm>;

/**
 * As in the package's default entry, but with the WebAssembly module given: a response, bytes, a
 * compiled module, or a promise of any of them. Of a function it is asked for, and again where it
 * fails; anything else is taken as it is, so that a response that breaks off cannot be asked again.
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

/** Compiles the module, whatever it comes as. */
async function compiled(wasm: Wasm): Promise<WebAssembly.Module> {
  if (wasm instanceof WebAssembly.Module) return wasm;
  return WebAssembly.compile("arrayBuffer" in wasm ? await wasm.arrayBuffer() : wasm);
}
