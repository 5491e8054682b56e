// SHA-256 (FIPS 180-4), and HMAC (RFC 2104) by it. The browser's own is asynchronous, and a page that goes away must
// sign at once; in WebAssembly the code would be twice as long. Prototype.js and MooTools replace `Array.from` and
// `Array.prototype.entries`, so neither is called.

const rotated = (word: number, by: number) => (word >>> by) | (word << (32 - by));

const spread = (word: number, one: number, other: number) =>
  rotated(word, one) ^ rotated(word, other);

/** The first 32 bits of a number's fraction. */
const fraction = (number: number) => ((number % 1) * 2 ** 32) | 0;

const roots: number[] = [];
const cubeRoots: number[] = [];
for (let number = 2; roots.length < 64; number++) {
  let divisor = 2;
  while (number % divisor) divisor++;
  if (divisor < number) continue;
  // A prime.
  roots.push(fraction(number ** (1 / 2)));
  cubeRoots.push(fraction(number ** (1 / 3)));
}

/** The hash of these bytes. */
export function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = bytes;
  const message = new Uint8Array((length + 72) & -64);
  message.set(bytes);
  message[length] = 0x80;
  const view = new DataView(message.buffer);
  view.setUint32(message.length - 4, length * 8);
  const state = Int32Array.from(roots.slice(0, 8));
  const words = new Int32Array(64);
  for (let block = 0; block < message.length; block += 64) {
    let [a, b, c, d, e, f, g, h] = state;
    for (let at = 0; at < 64; at++) {
      words[at] =
        at < 16
          ? view.getInt32(block + 4 * at)
          : words[at - 16] +
            (spread(words[at - 15], 7, 18) ^ (words[at - 15] >>> 3)) +
            words[at - 7] +
            (spread(words[at - 2], 17, 19) ^ (words[at - 2] >>> 10));
      h += (spread(e, 6, 11) ^ rotated(e, 25)) + ((e & f) ^ (~e & g)) + cubeRoots[at] + words[at];
      const sum = (spread(a, 2, 13) ^ rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      // Eight variables and not a list: before the code is optimised, a list takes five times as long.
      const last = h;
      h = g;
      g = f;
      f = e;
      e = (d + last) | 0;
      d = c;
      c = b;
      b = a;
      a = (last + sum) | 0;
    }
    [a, b, c, d, e, f, g, h].forEach((word, at) => {
      state[at] += word;
    });
  }
  state.forEach((word, at) => {
    view.setInt32(4 * at, word);
  });
  return message.slice(0, 32);
}

/** The MAC of these bytes. */
export function hmac(given: Uint8Array, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const key = given.length > 64 ? sha256(given) : given;
  const hashed = (pad: number, rest: Uint8Array) => {
    const block = new Uint8Array(64 + rest.length);
    block.set(rest, 64);
    for (let at = 0; at < 64; at++) block[at] = pad ^ key[at];
    return sha256(block);
  };
  return hashed(0x5c, hashed(0x36, bytes));
}

export function hex(bytes: Uint8Array): string {
  return bytes.reduce((text, byte) => text + byte.toString(16).padStart(2, "0"), "");
}
