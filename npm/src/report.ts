/**
 * Leaves the page's own mistake to the page's error reporting, and to nobody else. Not by `reportError`, which
 * Chromium 94 and jsdom lack.
 */
export function report(error: unknown): void {
  setTimeout(() => {
    throw error;
  });
}
