import deflated from "#deflated";

/** The WebAssembly module, out of a module of JavaScript. */
export function module(): Promise<ArrayBuffer> {
  const inflated = new Blob([deflated])
    .stream()
    .pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(inflated).arrayBuffer();
}
