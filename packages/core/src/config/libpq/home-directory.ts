import { homedir } from 'node:os'
import { join } from 'node:path'

/** The path of a file below the user's home directory; undefined when the system does not know one. */
export function inHomeDirectory(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const fromEnvironment = environment['HOME']
  const home = fromEnvironment !== undefined && fromEnvironment !== '' ? fromEnvironment : systemHome()
  return home === undefined ? undefined : join(home, name)
}

function systemHome(): string | undefined {
  try {
    return homedir() || undefined
  } catch {
    return undefined // a numeric user without an account
  }
}
