// The engine, and the WebAssembly module with it, in one file.

// Behind the code: servers' compression makes less of it.
import text from "#module";
import { type StartEngine, start as startWith } from "./engine.js";
import { bytesOf } from "./module/text.js";

export const start: StartEngine = (page) =>
  startWith(() => WebAssembly.compile(bytesOf(text)), page);
