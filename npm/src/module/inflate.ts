/** What was deflated (RFC 1951). */
export function inflated(deflated: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).arrayBuffer();
}
