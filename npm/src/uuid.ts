let time: number;
let count: number;
let start: string;
let end: string;

/**
 * A UUID of version 7, which begins with the time: a disk keeps events in the order of their ids. Those of one
 * millisecond share their random part and count up.
 */
export function uuid(now = Date.now()): string {
  if (now !== time || count > 0xffe) {
    time = now;
    count = 0;
    start = `${now.toString(16).padStart(12, "0").replace(/.{8}/, "$&-")}-`;
    // Only secure contexts have `randomUUID`.
    end = globalThis.crypto?.randomUUID?.().slice(18) ?? "-8000-000000000000".replace(/0/g, digit);
  }
  return start + (0x7000 + count++).toString(16) + end;
}

const digit = () => Math.floor(Math.random() * 16).toString(16);
