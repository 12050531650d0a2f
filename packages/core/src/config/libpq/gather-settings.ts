import { CONNECTION_KEYWORDS, isConnectionKeyword } from './connection-keywords.ts'
import { parseConnectionString } from './connection-string.ts'
import { RawSettings } from './raw-settings.ts'
import { findService } from './service-file.ts'

/** What the user gave explicitly; empty values count as not given, as with pg_receivewal. */
export interface GivenSettings {
  readonly connectionString?: string | undefined
  readonly host?: string | undefined
  readonly port?: string | undefined
  readonly user?: string | undefined
}

const OPTION_NAMES = { host: '-h/--host', port: '-p/--port', user: '-U/--username' } as const

/**
 * Collects the parameters from all sources, each with its source.
 * @throws WalrError WALR_CONNECTION_SETTING when the connection string or a service file is wrong.
 */
export async function gatherSettings(given: GivenSettings, environment: NodeJS.ProcessEnv): Promise<RawSettings> {
  const settings = new RawSettings()
  for (const keyword of ['host', 'port', 'user'] as const) {
    const value = given[keyword]
    if (value !== undefined && value !== '') settings.offer(keyword, value, `option ${OPTION_NAMES[keyword]}`)
  }
  for (const [keyword, value] of parseConnectionString(given.connectionString ?? '')) {
    if (value === '') continue
    if (keyword === 'requiressl')
      settings.offer('sslmode', value.startsWith('1') ? 'require' : 'prefer', 'connection string')
    else settings.offer(keyword, value, 'connection string')
  }
  await offerService(settings, environment)
  offerEnvironment(settings, environment)
  return settings
}

async function offerService(settings: RawSettings, environment: NodeJS.ProcessEnv): Promise<void> {
  const service = settings.text('service') ?? environment['PGSERVICE']
  if (service === undefined) return
  const { file, settings: ofService } = await findService(service, environment)
  for (const [keyword, value] of ofService) {
    // The database of a replication connection is fixed.
    if (keyword !== 'dbname') settings.offer(keyword, value, `service "${service}" in file "${file}"`)
  }
}

function offerEnvironment(settings: RawSettings, environment: NodeJS.ProcessEnv): void {
  for (const [keyword, variable] of Object.entries(CONNECTION_KEYWORDS)) {
    const value = variable === undefined ? undefined : environment[variable]
    if (value !== undefined && isConnectionKeyword(keyword)) {
      settings.offer(keyword, value, `environment variable ${variable ?? ''}`)
    }
  }
  if (environment['PGREQUIRESSL']?.startsWith('1') === true) {
    settings.offer('sslmode', 'require', 'environment variable PGREQUIRESSL')
  }
}
