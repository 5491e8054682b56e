/**
 * The bytes of a module as build.mjs writes it into a script: a digit to the base of 91 each, from `$` on; after
 * a space 91 more, after an exclamation mark 182.
 */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    text.match(/[ !]?./g) as string[],
    (byte) => byte.charCodeAt(byte.length - 1) - 36 + (byte[1] ? (byte > "!" ? 182 : 91) : 0),
  );
}
