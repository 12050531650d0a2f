import { readFile, stat } from 'node:fs/promises'
import { isSystemError, systemErrorText } from '../../errors/system-error.ts'

/** Whose password is looked up. */
export interface PasswordKey {
  /** Host name or address, or `localhost` for the default socket directory. */
  readonly host: string
  readonly port: number
  /** Names of which one has to stand in the file. */
  readonly databases: readonly string[]
  readonly user: string
}

/** What a password file gives. */
export interface PasswordFile {
  readonly find: (key: PasswordKey) => string | undefined
  /** Why the file is not used, though it is there. */
  readonly warning: string | undefined
}

/**
 * Reads a password file once. A file that is absent, cannot be read, or is open to others gives no password; the last two
 * are to be warned about.
 *
 * @see PostgreSQL manual, "The Password File"
 */
export async function readPasswordFile(path: string): Promise<PasswordFile> {
  try {
    const status = await stat(path)
    if (!status.isFile()) return unused(`password file "${path}" is not a plain file`)
    if ((status.mode & 0o077) !== 0) {
      return unused(`password file "${path}" has group or world access; permissions should be u=rw (0600) or less`)
    }
    const text = await readFile(path, 'utf8')
    return { find: (key) => findPassword(text, key), warning: undefined }
  } catch (error) {
    return unused(
      isSystemError(error, 'ENOENT', 'ENOTDIR')
        ? undefined
        : `could not read password file "${path}": ${systemErrorText(error)}`,
    )
  }
}

function unused(warning: string | undefined): PasswordFile {
  return { find: () => undefined, warning }
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
  const match = /^((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):((?:\\.|[^:\\])*):(.*)$/s.exec(line)
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
  return field.replace(/\\(.)/gs, '$1')
}
