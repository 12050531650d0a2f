import { isWalrError } from '../errors/walr-error.ts'
import type { ConfigFault } from '../config/config-fault.ts'
import { environmentSettings } from '../config/environment-settings.ts'
import { examineConfig, type LoadConfigOptions, type LoadedConfig } from '../config/load-config.ts'
import { parseCompressionSpec } from '../wal/compression/compression-spec.ts'

/** Finds what is wrong with the plugins of a configuration and with their options. */
export type PluginCheck = (loaded: LoadedConfig) => Promise<readonly ConfigFault[]>

/** What `walr config validate` found out. */
export interface ConfigValidation {
  readonly file: string | undefined
  /** Empty when the configuration is right. */
  readonly faults: readonly ConfigFault[]
}

/** Checks all of a configuration that can be checked without a server or a storage. */
export async function validateConfig(options: LoadConfigOptions, checkPlugins: PluginCheck): Promise<ConfigValidation> {
  const { loaded, file, faults } = await examineConfig(options)
  if (loaded === undefined) return { file, faults }
  if (file === undefined && environmentSettings(options.environment, {}).settings.length === 0) {
    const message = `there is no configuration file in "${options.workingDirectory}", and no variable has a setting`
    return { file, faults: [{ path: '', message: `${message}; name a file with --config, or see "walr config init"` }] }
  }
  return { file, faults: [...compressionFaults(loaded), ...(await checkPlugins(loaded))] }
}

function compressionFaults({ config, sourceOf }: LoadedConfig): readonly ConfigFault[] {
  const { compress } = config.receive
  if (compress === undefined) return []
  try {
    parseCompressionSpec(compress)
    return []
  } catch (error) {
    if (!isWalrError(error, 'WALR_USAGE')) throw error
    const message = `${error.message}, received ${JSON.stringify(compress)}`
    return [{ path: 'receive.compress', message, source: sourceOf('receive.compress') }]
  }
}
