import { checkOptions } from '@walr/plugin-kit/options'
import type { z } from 'zod'
import { optionDescriptions } from './option-descriptions.ts'
import { optionsSchema } from './options-schema.ts'

/** The options of the plugin, checked. Sizes are in bytes. */
export type GcsOptions = Readonly<z.output<typeof optionsSchema>>

/**
 * Checks the options of the configuration. No fault shows a secret.
 * @throws OptionsError with all faults.
 */
export function parseOptions(input: Readonly<Record<string, unknown>>): GcsOptions {
  return checkOptions(optionsSchema, optionDescriptions, input, (relations) => {
    const isAnonymous = String(input['anonymous']) === 'true'
    if (isAnonymous && relations.has('keyFile')) {
      relations.fault('keyFile', 'it cannot be used together with "anonymous"')
    }
    relations.excludes('kmsKeyName', 'encryptionKey')
    const isPlain = /^http:/i.test(String(input['endpoint']))
    if (relations.has('encryptionKey') && isPlain) {
      relations.fault('encryptionKey', 'it needs an "endpoint" with https: the key is sent to the server')
    }
  })
}
