import { homedir } from 'node:os'
import { isAbsolute } from 'node:path'

/**
 * The home of the user that this process runs as; undefined when there is none: a user that no file has, as in containers, or a
 * HOME that is no absolute path.
 */
export function homeDirectory(): string | undefined {
  try {
    const path = homedir()
    return isAbsolute(path) ? path : undefined
  } catch {
    return undefined // the system knows no such user
  }
}
