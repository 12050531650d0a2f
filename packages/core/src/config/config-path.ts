/** A place in the configuration: keys of sections and indexes of lists. */
export type ConfigPath = readonly (string | number)[]

/** `archive.codecs[0].level`; the empty string for the configuration as a whole. */
export function formatConfigPath(path: ConfigPath): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else text += text === '' ? part : `.${part}`
  }
  return text
}

/** Reads what {@link formatConfigPath} writes. */
export function parseConfigPath(text: string): ConfigPath {
  const parts = text.match(/\[\d+\]|[^.[\]]+/g) ?? []
  return parts.map((part) => (part.startsWith('[') ? Number(part.slice(1, -1)) : part))
}
