import { randomBytes } from 'node:crypto'

/** The same as the built-in storage `local` has: both may work on one directory. */
const PREFIX = '.walr-tmp-'

/** A new name, in the base directory, for a file that is no object yet. */
export function temporaryName(): string {
  return `${PREFIX}${randomBytes(12).toString('hex')}`
}

/** True for a path below the base directory that would lie at, or below, the name of a temporary file. */
export function isTemporaryName(path: string): boolean {
  return path.startsWith(PREFIX)
}
