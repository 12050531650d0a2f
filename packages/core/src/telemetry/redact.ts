const MASK = '********'

/**
 * `scheme://user:password@`, up to the last `@`, since people forget to encode one in a password. A port and a path behind it
 * are none of it in addresses of the web, which often have an `@` there.
 */
const userInfo =
  /((?!\bhttps?:\/\/(?:\[[\da-f:.]+\](?::\d{1,5})?|[^\s:/@?#"']*:\d{1,5})\/)\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@?#"']*:)\S*@/gi

/** `password=...` in a connection string, a URI's query or an environment; quoted as libpq does, or up to a space. */
const assignment = /((?<![a-z])(?:ssl|pg)?password\s*=\s*)('(?:\\.|[^'\\])*'?|(?:\\.|[^\s\\])*)/gis

/** `"password": "..."` and `password: '...'`, as objects are printed. */
const property = /((["']?)(?<![a-z])(?:ssl|pg)?password\2\s*:\s*)("(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?)/gis

/**
 * Masks what looks like a password: in connection URIs, in `key=value` connection strings and in printed objects. It is
 * the last line of defence (law 9) and prefers to hide too much; whoever makes a message leaves the secret out of it.
 */
export function redact(text: string): string {
  return text
    .replace(userInfo, `$1${MASK}@`)
    .replace(assignment, (_, key: string, value: string) => `${key}${MASK}${closingQuotes(value)}`)
    .replace(property, `$1${MASK}`)
}

/** True for the name of a field whose value must not be shown whatever it is. */
export function isSecretName(name: string): boolean {
  return /password|passphrase|secret/i.test(name)
}

/** What a masked field shows. */
export function maskedValue(): string {
  return MASK
}

/** Quotation marks that surround the whole string are no part of an unquoted value at its end. */
function closingQuotes(value: string): string {
  if (value.startsWith("'")) return ''
  return /["')\],.;:]*$/.exec(value)?.[0] ?? ''
}
