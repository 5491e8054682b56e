import type { Anything } from "./config/config.js";

/** Parses a text that anyone may have written. Returns an empty object if it is not JSON. */
export function parsed(text: string | null): Anything {
  try {
    return JSON.parse(text ?? "") ?? {};
  } catch {
    return {};
  }
}

/** The same as a list. */
export const parsedList = (text: string | null): Anything[] => [parsed(text)].flat();
