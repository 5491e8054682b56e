/** The WebAssembly module, deflated (RFC 1951); the build puts it there. */
declare module "#deflated" {
  const deflated: Uint8Array<ArrayBuffer>;
  export default deflated;
}
