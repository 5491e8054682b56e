/**
 * Reads the bytes of a module from the text that build.mjs writes into a script. A character from `$` on is a byte from
 * 0 to 90; a space before it adds 91, and an exclamation mark 182.
 */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    text.match(/[ !]?./g) as string[],
    (byte) => byte.charCodeAt(byte.length - 1) - 36 + (byte[1] ? (byte > "!" ? 182 : 91) : 0),
  );
}
