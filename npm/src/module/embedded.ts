import deflated from "#deflated";
import { inflated } from "./inflate.js";

/** The WebAssembly module, out of a module of JavaScript. */
export const module = (): Promise<ArrayBuffer> => inflated(deflated);
