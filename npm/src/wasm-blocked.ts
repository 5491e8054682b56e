import { ForebayError } from "./client.js";

/** Why no WebAssembly at all runs here; `undefined` where it does. */
export function refusal(): ForebayError | undefined {
  try {
    // The smallest module there is: magic number and version.
    new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  } catch (error) {
    return new ForebayError(
      "WasmBlocked",
      `Forebay cannot send, and events wait: ${error} ` +
        `A Content-Security-Policy has to allow 'wasm-unsafe-eval' in script-src.`,
    );
  }
}
