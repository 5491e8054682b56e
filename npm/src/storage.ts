/** What an earlier visit kept. A page may have no storage, or may not be allowed to use it. */
export function kept(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keeps `value` for later visits; `null` keeps nothing under this key. */
export function keep(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {}
}

/** The keys that begin like this. */
export function keysOf(start: string): string[] {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(start));
  } catch {
    return [];
  }
}

/** A list that was kept as JSON, which anyone may have changed. */
export function listIn(text: string | null): unknown[] {
  try {
    return [].concat(JSON.parse(text ?? "[]"));
  } catch {
    return [];
  }
}
