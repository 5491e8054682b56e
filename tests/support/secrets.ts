// Looks for texts that must not be there, in every disguise that programs give to text.

/** What a text looks like when it is encoded once: as it is, and inside JSON and URLs. */
function spellings(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const ascii = json.replaceAll(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const url = encodeURIComponent(text);
  const lower = url.replaceAll(/%../g, (octet) => octet.toLowerCase());
  const form = url.replaceAll("%20", "+");
  return [text, json, ascii, ascii.replaceAll("/", "\\/"), url, lower, form];
}

/** The base64 of `bytes` wherever they stand in what is encoded: what surrounds them is cut off. */
function base64(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    const bits = (before + bytes.length) * 8;
    const whole = encoded.slice(Math.ceil((before * 8) / 6), Math.floor(bits / 6));
    return [whole, whole.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

/** All disguises of a text. */
export function disguises(text: string): string[] {
  const all = spellings(text).flatMap((spelling) => {
    const bytes = Buffer.from(spelling);
    const hex = bytes.toString("hex");
    return [spelling, ...base64(bytes), hex, hex.toUpperCase()];
  });
  return [...new Set(all)];
}

/** A place that is searched: what it is called, and what it holds. */
export type Place = [name: string, content: string | Buffer];

/** Every secret that stands anywhere, with the place and what stands around it there. */
export function find(secrets: string[], places: Iterable<Place>): string[] {
  const needles = secrets.flatMap(disguises).flatMap((text) => {
    return [Buffer.from(text), Buffer.from(text, "utf16le")];
  });
  const found: string[] = [];
  for (const [name, content] of places) {
    const bytes = Buffer.from(content);
    for (const needle of needles) {
      const at = bytes.indexOf(needle);
      if (at < 0) continue;
      const around = bytes.subarray(Math.max(0, at - 60), at + needle.length + 20);
      found.push(`${name}: ..${around}..`);
    }
  }
  return found;
}
