/**
 * A copy of an object's members. What is a list, a `Map`, or cannot be read becomes the name of its kind: the
 * validator refuses it.
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
