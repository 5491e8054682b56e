/** The value that an earlier visit kept; `null` also if the page has no storage, or may not use it. */
export function kept(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keeps `value` for later visits; `null` deletes the key. Gives whether that was done. */
export function keep(key: string, value: string | null): boolean {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
    return true;
  } catch {
    return false;
  }
}

/** Deletes what is kept under these keys. */
export function remove(keys: string[]): void {
  for (const key of keys) keep(key, null);
}

/** The keys that begin like this. */
export function keysOf(start: string): string[] {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(start));
  } catch {
    return [];
  }
}
