import { checkOptions } from '@walr/plugin-kit/options'
import type { z } from 'zod'
import { optionDescriptions } from './option-descriptions.ts'
import { optionsSchema } from './options-schema.ts'

/** The options of the plugin, checked. Sizes are in bytes. */
export type S3Options = Readonly<z.output<typeof optionsSchema>> & { readonly forcePathStyle: boolean }

/**
 * Checks the options of the configuration. No fault shows a secret.
 * @throws OptionsError with all faults.
 */
export function parseOptions(input: Readonly<Record<string, unknown>>): S3Options {
  const options = checkOptions(optionsSchema, optionDescriptions, input, ({ has, needs, excludes, fault }) => {
    needs('accessKeyId', 'secretAccessKey')
    needs('secretAccessKey', 'accessKeyId')
    needs('sessionToken', 'accessKeyId')
    excludes('profile', 'accessKeyId')
    needs('objectLockMode', 'objectLockDays')
    needs('objectLockDays', 'objectLockMode')
    excludes('sseCustomerKey', 'sseAlgorithm')
    if (has('kmsKeyId') && !String(input['sseAlgorithm']).startsWith('aws:kms')) {
      fault('kmsKeyId', 'it needs "sseAlgorithm" to be "aws:kms" or "aws:kms:dsse"')
    }
    if (has('sseCustomerKey') && /^http:/i.test(String(input['endpoint']))) {
      fault('sseCustomerKey', 'it needs an "endpoint" with https: the key is sent to the server')
    }
  })
  return { ...options, forcePathStyle: options.forcePathStyle ?? options.endpoint !== undefined }
}
