/** Most bytes of a line; a longer one is skipped without being kept in memory. */
const MAX_LINE_BYTES = 1024 * 1024;

const LINE_BREAK = 0x0a;

/** A line that is not blank, with its number from 1. */
export interface Line {
  number: number;
  text: string | { unreadable: string };
}

/** The lines of a stream of bytes, one in memory at a time. */
export async function* lines(source: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let kept: Uint8Array[] = [];
  let length = 0;
  let number = 1;
  const keep = (bytes: Uint8Array) => {
    length += bytes.length;
    if (length > MAX_LINE_BYTES) kept = [];
    else kept.push(bytes);
  };
  for await (const chunk of source) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_BREAK, start);
      if (end < 0) break;
      keep(chunk.subarray(start, end));
      yield* line(number, kept, length);
      kept = [];
      length = 0;
      number += 1;
      start = end + 1;
    }
    keep(chunk.subarray(start));
  }
  yield* line(number, kept, length);
}

function* line(number: number, parts: Uint8Array[], length: number): Generator<Line> {
  if (length > MAX_LINE_BYTES) {
    yield { number, text: { unreadable: `the line is longer than ${MAX_LINE_BYTES} bytes` } };
    return;
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts)).trim();
    if (text !== "") yield { number, text };
  } catch {
    yield { number, text: { unreadable: "the line is not UTF-8" } };
  }
}
