import { type AnalyticsEvent, type Violation, validate } from "forebay";
import { useEffect, useState } from "react";

/** What the schema has against an event as it is being written. Takes a memoised event. */
export function useViolations(event: AnalyticsEvent): Violation[] {
  const [violations, setViolations] = useState<Violation[]>([]);
  useEffect(() => {
    let current = true;
    validate(event)
      .then((found) => current && setViolations(found))
      // Where it cannot be checked now, recording it will tell.
      .catch(() => current && setViolations([]));
    return () => {
      current = false;
    };
  }, [event]);
  return violations;
}

/** Those violations that are about one attribute or metric. */
export function violationsOf(violations: readonly Violation[], name: string) {
  return violations.filter(({ path }) => path.slice(path.indexOf(".") + 1) === name);
}
