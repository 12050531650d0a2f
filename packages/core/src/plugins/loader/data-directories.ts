import { isAbsolute, join } from 'node:path'
import { WalrError } from '../../errors/walr-error.ts'

/** Who runs walr, as far as it decides where plugins are. */
export interface DataDirectoryUser {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Undefined where the system has no such numbers. */
  readonly uid: number | undefined
  /** Absolute. */
  readonly home: string
}

/** Where root installs plugins, for daemons of any user. */
export const SYSTEM_DATA_DIRECTORY = '/usr/local/lib/walr'

/**
 * Absolute paths of the data directories that plugins are looked for in, in this order; the first is the one that they are
 * installed into. Reads nothing.
 * @throws WalrError WALR_CONFIG for a WALR_DATA_DIR that is not absolute.
 */
export function dataDirectories({ environment, uid, home }: DataDirectoryUser): readonly [string, ...string[]] {
  const { WALR_DATA_DIR: named = '', XDG_DATA_HOME: shared = '' } = environment
  if (named !== '' && !isAbsolute(named)) {
    throw new WalrError('WALR_CONFIG', `WALR_DATA_DIR is "${named}", but has to be an absolute path`, {
      hint: 'It names the folder that plugins are installed into.',
    })
  }
  if (named !== '') return [named]
  if (uid === 0) return [SYSTEM_DATA_DIRECTORY]
  // A relative XDG_DATA_HOME is to be ignored, says its specification.
  const root = isAbsolute(shared) ? shared : join(home, '.local/share')
  return [join(root, 'walr'), SYSTEM_DATA_DIRECTORY]
}
