import { WalrError } from '../../errors/walr-error.ts'
import { nearestName } from '../../plugins/contract/index.ts'
import { PluginStore } from '../../plugins/installer/plugin-store.ts'

/**
 * The error for a plugin that is not in the data directory that commands change.
 * @param dataDirectories that one, and those that walr reads as well.
 */
export async function notInstalled(name: string, [own, ...others]: readonly [string, ...string[]]): Promise<WalrError> {
  for (const directory of others) {
    if ((await new PluginStore(directory).current(name)) === undefined) continue
    return new WalrError('WALR_PLUGIN', `"${name}" is installed for all users, in "${directory}"`, {
      hint: 'Run the command as root.',
    })
  }
  const nearest = nearestName(name, await new PluginStore(own).names())
  return new WalrError('WALR_PLUGIN', `"${name}" is not installed in "${own}"`, {
    hint: nearest === undefined ? '"walr plugins" lists what is.' : `Did you mean "${nearest}"?`,
  })
}
