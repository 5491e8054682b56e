/** The WebAssembly module as a text that `bytesOf` reads; the build puts it there. */
declare module "#module" {
  const text: string;
  export default text;
}

/** The same for the module that says what is wrong with an event. */
declare module "#violations" {
  const text: string;
  export default text;
}
