import type { HookContext, Storage } from '@walr/core/plugin'
import { parseOptions } from '../../packages/plugin-sftp/src/options.ts'
import { openSftpStorage } from '../../packages/plugin-sftp/src/storage.ts'
import type { Sshd } from '../support/sshd/sshd.ts'
import { recordedContext } from '../support/recorded-context.ts'

/** Opens the plugin's storage on a server. */
export function openOnServer(
  { options }: Pick<Sshd, 'options'>,
  more: Readonly<Record<string, unknown>>,
  context: HookContext = recordedContext(),
): Promise<Storage> {
  return openSftpStorage(parseOptions({ ...options, ...more }), context)
}
