import type { ConfiguredSettings } from '../config-thread/load-config-aside.ts'
import { httpSettingsOf } from '../serve/http-settings-of.ts'
import type { ReceiveHttpSettings } from '../serve/receive-http.ts'
import type { ArchiveConfig, WalrConfig } from '../../config/walr-config.ts'

/** The archive of a configuration. */
export interface ArchiveOptions {
  readonly cluster: string
  readonly archive: ArchiveConfig
  readonly plugins: readonly string[]
  readonly configFile: string | undefined
  readonly baseDirectory: string
}

/** The connection of a configuration as a connection string; undefined when it has none. May hold a password. */
export function configuredConnection(config: WalrConfig | undefined): string | undefined {
  const connection = config?.connection
  if (connection === undefined || typeof connection === 'string') return connection
  return Object.entries(connection)
    .map(([keyword, value]) => `${keyword}='${String(value).replaceAll(/[\\']/g, '\\$&')}'`)
    .join(' ')
}

/** The archive of a configuration; undefined when it has none. */
export function configuredArchive(loaded: ConfiguredSettings | undefined): ArchiveOptions | undefined {
  if (loaded === undefined) return undefined
  const { config, file, baseDirectory } = loaded
  const { cluster, plugins, archive } = config
  return archive && { cluster, archive, plugins, configFile: file, baseDirectory }
}

/** What a configuration wants served over HTTP; undefined when it wants nothing. */
export function configuredHttp(loaded: ConfiguredSettings | undefined): ReceiveHttpSettings | undefined {
  if (loaded === undefined) return undefined
  const { config, file, baseDirectory } = loaded
  const { http, archive } = config
  if (http === undefined) return undefined
  return {
    http: httpSettingsOf(http, baseDirectory),
    archive: archive === undefined ? 'none' : file === undefined ? 'not-in-a-file' : { configPath: file },
  }
}
