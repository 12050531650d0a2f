import { systemErrorText } from '../../errors/system-error.ts'
import { WalrError } from '../../errors/walr-error.ts'

/** An operation of the system on files of the data directory that failed. */
export function dataDirectoryError(what: string, path: string, cause: unknown): WalrError {
  return new WalrError('WALR_WRITE_FAILED', `could not ${what} "${path}": ${systemErrorText(cause)}`, {
    cause,
    hint: 'Plugins are installed for all users by root, else for one user; WALR_DATA_DIR names another folder for them.',
  })
}
