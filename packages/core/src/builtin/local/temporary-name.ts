const PREFIX = '.walr-tmp-'

/** Name, in the base directory, of a file that is no object yet. */
export function temporaryName(random: string): string {
  return `${PREFIX}${random}`
}

/** True for a key that would lie at, or below, the name of a temporary file. */
export function isTemporaryName(key: string): boolean {
  return key.startsWith(PREFIX)
}
