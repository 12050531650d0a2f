import { readFile, stat } from 'node:fs/promises'
import type { Logger } from '../../telemetry/logger.ts'

/** Whose password is looked up. */
export interface PasswordKey {
  /** Host name or address, or `localhost` for the default socket directory. */
  readonly host: string
  readonly port: number
  /** Names of which one has to stand in the file. */
  readonly databases: readonly string[]
  readonly user: string
}

/**
 * Reads a password file once; the result looks passwords up in it. A file that is absent, cannot be read, or is open to
 * others gives none; the last two are warned about.
 *
 * @see PostgreSQL manual, "The Password File"
 */
export async function readPasswordFile(
  path: string,
  logger: Pick<Logger, 'warning'> | undefined,
): Promise<(key: PasswordKey) => string | undefined> {
  const nothing = (): undefined => undefined
  try {
    const status = await stat(path)
    if (!status.isFile()) {
      logger?.warning(`password file "${path}" is not a plain file`)
      return nothing
    }
    if ((status.mode & 0o077) !== 0) {
      logger?.warning(`password file "${path}" has group or world access; permissions should be u=rw (0600) or less`)
      return nothing
    }
    const text = await readFile(path, 'utf8')
    return (key) => findPassword(text, key)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'ENOENT' && code !== 'ENOTDIR')
      logger?.warning(`could not read password file "${path}": ${String(code)}`)
    return nothing
  }
}

/** The password of the first line that matches; undefined when there is none, or an empty one. */
export function findPassword(text: string, key: PasswordKey): string | undefined {
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue
    const entry = splitEntry(line.replace(/\r$/, ''))
    if (entry && matches(entry.fields, key)) return entry.password === '' ? undefined : entry.password
  }
  return undefined
}

/** Takes the first four fields off at unescaped colons; the rest, colons and all, is the password. */
function splitEntry(line: string): { readonly fields: readonly string[]; readonly password: string } | undefined {
  const match = /^((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):(.*)$/.exec(line)
  if (!match) return undefined
  const [password = ''] = match.slice(5)
  return { fields: match.slice(1, 5), password: unescape(password) }
}

function matches([host = '', port = '', database = '', user = '']: readonly string[], key: PasswordKey): boolean {
  const is = (field: string, value: string): boolean => field === '*' || unescape(field) === value
  return (
    is(host, key.host) &&
    is(port, String(key.port)) &&
    key.databases.some((name) => is(database, name)) &&
    is(user, key.user)
  )
}

function unescape(field: string): string {
  return field.replace(/\\(.)/g, '$1')
}
