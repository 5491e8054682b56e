import type { Anything } from "./config/config.js";

/** What a text says as JSON, which anyone may have written; an empty object where it says nothing. */
export function parsed(text: string | null): Anything {
  try {
    return JSON.parse(text ?? "") ?? {};
  } catch {
    return {};
  }
}

/** The same as a list. */
export const parsedList = (text: string | null): Anything[] => [parsed(text)].flat();
