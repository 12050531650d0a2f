/**
 * Adds a property that can be read by its name and is shown nowhere: not by `util.inspect` or a logger, not in JSON. A
 * spread copy of the object does not have it.
 */
export function withSecret<T extends object, K extends string>(
  object: T,
  name: K,
  secret: string | undefined,
): T & Readonly<Record<K, string | undefined>> {
  Object.defineProperty(object, name, { get: () => secret, enumerable: false })
  return object as T & Readonly<Record<K, string | undefined>>
}
