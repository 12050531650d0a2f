import { definePlugin, type WalrPlugin } from '@walr/core/plugin'
import { optionDescriptions } from './option-descriptions.ts'
import { parseOptions, type SftpOptions } from './options.ts'

/** `@walr/plugin-sftp`: keeps the archive in a directory of an SFTP server. */
const plugin: WalrPlugin<SftpOptions> = definePlugin({
  name: '@walr/plugin-sftp',
  apiVersion: 1,
  options: optionDescriptions,
  parseOptions,
  async createStorage(options, context) {
    // Loads the SSH client. (TypeScript rewrites no import() inside an "export default" expression, hence the constant.)
    const { openSftpStorage } = await import('./storage.ts')
    return openSftpStorage(options, context)
  },
})

export default plugin
