/**
 * Copies an object's members. A list, a `Map`, or an object that cannot be read becomes the name of its kind, which the
 * validator refuses.
 */
export function copy<T>(values: T): T {
  const kindOf = (value: unknown) => ({}).toString.call(value);
  try {
    const kind = kindOf(values);
    if (kind === "[object Object]") return { ...values };
    return typeof values === "object" && values ? (kind as T) : values;
  } catch (error) {
    return kindOf(error) as T;
  }
}
