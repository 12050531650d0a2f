import { definePlugin } from '@walr/core/plugin'
import { checkCodec, createCryptoCodec } from './crypto-codec.ts'
import { openKeyring } from './open-keyring.ts'
import { optionDescriptions, parseOptions } from './options.ts'
import { sharedPassphraseKeys } from './passphrase-keys.ts'

/** `@walr/plugin-crypto`: encrypts the objects of the archive with AES-256-GCM. */
export default definePlugin({
  name: '@walr/plugin-crypto',
  apiVersion: 1,
  options: optionDescriptions,
  parseOptions,
  async createCodec(options, context) {
    const keyring = await openKeyring(options, context, sharedPassphraseKeys())
    const codec = createCryptoCodec({ keyring, chunkSize: options.chunkSize })
    await checkCodec(codec, context)
    return codec
  },
})
