// The engine, and the WebAssembly module with it, in one file.

// The text stands after the code: the file compresses better in this order.
import text from "#module";
import { type StartEngine, start as startWith } from "./engine.js";
import { bytesOf } from "./module/text.js";

export const start: StartEngine = (page) =>
  startWith(() => WebAssembly.compile(bytesOf(text)), page);
