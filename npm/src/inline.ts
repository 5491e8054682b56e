// Another name for the default entry, from versions in which that one fetched the WebAssembly module as a file.

export * from "./index.js";
