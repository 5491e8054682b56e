import { useEffect, useState } from "react";

export interface Polled<T> {
  value?: T;
  /** Why the last try failed; `value` is then from before. */
  error?: string;
}

/**
 * Asks again and again while the page is visible.
 * @param ask a stable function
 * @param interval milliseconds from one answer to the next question, at least; what takes long is
 *   asked less often
 */
export function usePoll<T>(ask: () => Promise<T>, interval: number): Polled<T> {
  const [polled, setPolled] = useState<Polled<T>>({});
  useEffect(() => {
    let timer = 0;
    let current = true;
    async function round() {
      window.clearTimeout(timer);
      const asked = performance.now();
      try {
        const value = await ask();
        if (current) setPolled({ value });
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (current) setPolled(({ value }) => ({ value, error: message }));
      }
      if (current && !document.hidden) {
        timer = window.setTimeout(round, Math.max(interval, 4 * (performance.now() - asked)));
      }
    }
    const onVisible = () => {
      if (!document.hidden) round();
    };
    round();
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      current = false;
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [ask, interval]);
  return polled;
}
