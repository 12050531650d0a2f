import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { WalrError } from '../../errors/walr-error.ts'
import { isConnectionKeyword, type ConnectionKeyword } from './connection-keywords.ts'
import { isSystemError, systemErrorText } from '../../errors/system-error.ts'
import { inHomeDirectory } from './home-directory.ts'

/** Where Debian's PostgreSQL looks when PGSYSCONFDIR is not set. */
const SYSTEM_DIRECTORY = '/etc/postgresql-common'

/** The parameters of a service, and the file they stand in. */
export interface ServiceDefinition {
  readonly file: string
  readonly settings: ReadonlyMap<ConnectionKeyword, string>
}

/**
 * Finds a service: in the user's file (`PGSERVICEFILE`, or `~/.pg_service.conf`), then in the system's
 * (`pg_service.conf` in `PGSYSCONFDIR`). Only a file that is named by `PGSERVICEFILE` has to be there.
 *
 * @throws WalrError WALR_CONNECTION_SETTING when there is no such service, or a file that was looked at is wrong.
 * @see PostgreSQL manual, "The Connection Service File"
 */
export async function findService(service: string, environment: NodeJS.ProcessEnv): Promise<ServiceDefinition> {
  const namedFile = environment['PGSERVICEFILE']
  const userFile = namedFile ?? inHomeDirectory(environment, '.pg_service.conf')
  const systemFile = join(environment['PGSYSCONFDIR'] ?? SYSTEM_DIRECTORY, 'pg_service.conf')
  const looked: string[] = []
  for (const file of userFile === undefined ? [systemFile] : [userFile, systemFile]) {
    looked.push(file)
    const text = await readIfPresent(file)
    if (text === undefined && file === namedFile) throw notFound(file)
    const settings = text === undefined ? undefined : parseServiceFile(text, service, file)
    if (settings) return { file, settings }
  }
  throw new WalrError('WALR_CONNECTION_SETTING', `definition of service "${service}" not found`, {
    hint: `Add a section [${service}] to ${looked.join(' or ')}, or set PGSERVICEFILE.`,
  })
}

/**
 * The section of `service`; undefined when there is none. Of a parameter that is given twice the first value counts.
 * @throws WalrError WALR_CONNECTION_SETTING for a line of the section that is not `keyword=value`.
 */
export function parseServiceFile(
  text: string,
  service: string,
  file: string,
): ReadonlyMap<ConnectionKeyword, string> | undefined {
  let settings: Map<ConnectionKeyword, string> | undefined
  for (const [index, rawLine] of text.split('\n').entries()) {
    const line = rawLine.trim()
    if (line === '' || line.startsWith('#')) continue
    if (line.startsWith('[')) {
      if (settings) return settings
      if (line.startsWith(`[${service}]`)) settings = new Map()
    } else if (settings) {
      const [keyword, value] = parseLine(line, `service file "${file}", line ${index + 1}`)
      if (!settings.has(keyword)) settings.set(keyword, value)
    }
  }
  return settings
}

function parseLine(line: string, place: string): readonly [ConnectionKeyword, string] {
  const wrong = (message: string, detail?: string): WalrError =>
    new WalrError('WALR_CONNECTION_SETTING', `${message} in ${place}`, { detail })
  if (line.startsWith('ldap')) throw wrong('LDAP lookup of connection parameters is not supported')
  const equals = line.indexOf('=')
  if (equals < 0) throw wrong('syntax error', 'There is no "=" in the line.')
  const keyword = line.slice(0, equals)
  if (keyword === 'service') throw wrong('nested service specifications not supported')
  if (!isConnectionKeyword(keyword) || keyword === 'requiressl')
    throw wrong('syntax error', `"${keyword}" is no connection parameter.`)
  return [keyword, line.slice(equals + 1)]
}

async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    if (isSystemError(cause, 'ENOENT', 'ENOTDIR')) return undefined
    const message = `could not read service file "${file}": ${systemErrorText(cause)}`
    throw new WalrError('WALR_CONNECTION_SETTING', message, { cause })
  }
}

function notFound(file: string): WalrError {
  return new WalrError('WALR_CONNECTION_SETTING', `service file "${file}" not found`, {
    hint: 'The environment variable PGSERVICEFILE names it. Create the file, or unset the variable.',
  })
}
