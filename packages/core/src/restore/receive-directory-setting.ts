import { resolve } from 'node:path'
import { WalrError } from '../errors/walr-error.ts'

/** Where the receive directory may be named; the first that names one counts. */
export interface ReceiveDirectorySetting {
  /** `-D`. */
  readonly directory: string | undefined
  /** `--config`. */
  readonly configPath: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
}

/**
 * The receive directory: `-D`, else WALR_RECEIVE_DIRECTORY, else `receive.directory` of the configuration file that
 * `--config` or WALR_CONFIG names. No file is searched for, and the configuration is loaded only when it is needed.
 * @throws WalrError WALR_USAGE when nobody names one, WALR_CONFIG for a wrong configuration.
 */
export async function receiveDirectory(setting: ReceiveDirectorySetting): Promise<string> {
  const { environment, workingDirectory } = setting
  const named = setting.directory ?? present(environment['WALR_RECEIVE_DIRECTORY'])
  if (named === '') throw new WalrError('WALR_USAGE', 'the receive directory is an empty string')
  if (named !== undefined) return resolve(workingDirectory, named)
  const configPath = setting.configPath ?? present(environment['WALR_CONFIG'])
  if (configPath === undefined) {
    throw new WalrError('WALR_USAGE', 'no receive directory specified', {
      hint: 'Give -D DIRECTORY or --config FILE, or set WALR_RECEIVE_DIRECTORY or WALR_CONFIG.',
    })
  }
  const { readReceiveDirectory } = await import('../config/read-receive-directory.ts')
  const path = resolve(workingDirectory, configPath)
  const inFile = await readReceiveDirectory(path, environment)
  if (inFile !== undefined) return inFile
  throw new WalrError('WALR_CONFIG', `configuration file "${path}" names no receive directory`, {
    hint: 'Set receive.directory in it.',
  })
}

function present(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}
