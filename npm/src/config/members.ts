// What the members of a configuration may be.

import { MAX_BATCH_EVENTS } from "../module/contract.js";

/** The longest wait that a browser's timer takes. */
export const LONGEST = 2 ** 31 - 1;

/** Whole numbers from 1: what each is unless given, and the most that it may be. */
export const COUNTS: Record<string, [fallback: number, most?: number]> = {
  flushInterval: [5000],
  flushSize: [MAX_BATCH_EVENTS, MAX_BATCH_EVENTS],
  bufferSize: [10_000],
  bufferBytes: [32 * 1024 * 1024],
  maxAge: [30 * 86_400_000, Number.MAX_SAFE_INTEGER],
  sessionTimeout: [1_800_000],
};

/** Words, the first unless given. */
export const CHOICES: Record<string, (string | undefined)[]> = {
  sessions: ["shared", "perTab"],
  dropPolicy: ["oldest", "newest"],
  wire: [undefined, "forebay", "pinpoint"],
};

/** The types of what may be left out. */
export const TYPES: Record<string, string> = {
  schema: "string",
  before: "function",
  globalProperties: "object",
  guestRoleArn: "string",
  disabled: "boolean",
  respectPrivacySignals: "boolean",
  keepCredentials: "boolean",
  debug: "boolean",
};
