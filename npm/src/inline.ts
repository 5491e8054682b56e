// What the package's default entry was not always: the WebAssembly module comes in a script.

export * from "./index.js";
