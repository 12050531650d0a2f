import { checkOptions } from '@walr/plugin-kit/options'
import type { z } from 'zod'
import { optionDescriptions } from './option-descriptions.ts'
import { optionsSchema } from './options-schema.ts'

/** The options of the plugin, checked. Times are in milliseconds. */
export type SftpOptions = Readonly<z.output<typeof optionsSchema>>

/**
 * Checks the options of the configuration. No fault shows a secret.
 * @throws OptionsError with all faults.
 */
export function parseOptions(input: Readonly<Record<string, unknown>>): SftpOptions {
  return checkOptions(optionsSchema, optionDescriptions, input, ({ has, excludes, fault }) => {
    excludes('privateKey', 'privateKeyFile')
    excludes('hostKey', 'knownHostsFile')
    if (has('passphrase') && !has('privateKey') && !has('privateKeyFile')) {
      fault('passphrase', 'it is of no use without "privateKey" or "privateKeyFile"')
    }
  })
}
