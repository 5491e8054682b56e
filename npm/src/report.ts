/**
 * Reports an error of the page's own function as an uncaught error, so that no caller gets it. Chromium 94 and jsdom
 * lack `reportError`.
 */
export function report(error: unknown): void {
  setTimeout(() => {
    throw error;
  });
}
