/** The WebAssembly module, deflated (RFC 1951); the build puts it there. */
declare module "#deflated" {
  const deflated: Uint8Array<ArrayBuffer>;
  export default deflated;
}

/** The same of the one that says what is wrong with an event. */
declare module "#violations" {
  const deflated: Uint8Array<ArrayBuffer>;
  export default deflated;
}
