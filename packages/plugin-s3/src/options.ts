import { OptionsError, type OptionFault } from '@walr/core/plugin'
import type { z } from 'zod'
import { optionDescriptions } from './option-descriptions.ts'
import { optionsSchema, unknownOptionText } from './options-schema.ts'

/** The options of the plugin, checked. Sizes are in bytes. */
export type S3Options = Readonly<z.output<typeof optionsSchema>> & { readonly forcePathStyle: boolean }

/**
 * Checks the options of the configuration. No fault shows a secret.
 * @throws OptionsError with all faults.
 */
export function parseOptions(input: Readonly<Record<string, unknown>>): S3Options {
  const parsed = optionsSchema.safeParse(input)
  const faults = [...(parsed.error?.issues ?? []).flatMap((issue) => toFaults(issue, input)), ...relationFaults(input)]
  if (!parsed.success || faults.length > 0) throw new OptionsError(faults)
  return { ...parsed.data, forcePathStyle: parsed.data.forcePathStyle ?? parsed.data.endpoint !== undefined }
}

function toFaults(issue: z.core.$ZodIssue, input: Readonly<Record<string, unknown>>): readonly OptionFault[] {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((name) => ({
      path: [...path, name].join('.'),
      message: unknownOptionText(name, issue.path),
    }))
  }
  return [{ path: path.join('.'), message: `${issue.message}${received(path, input)}` }]
}

/** The value, where it is short and no secret. */
function received(path: readonly string[], input: Readonly<Record<string, unknown>>): string {
  const option = optionDescriptions.find(({ name }) => name === path.join('.'))
  const value = path.reduce<unknown>((at, name) => (isRecord(at) ? at[name] : undefined), input)
  if (option === undefined || option.secret === true || value === undefined || typeof value === 'object') return ''
  return `; it is ${JSON.stringify(value)}`
}

/** What options demand of each other. */
function relationFaults(input: Readonly<Record<string, unknown>>): readonly OptionFault[] {
  const faults: OptionFault[] = []
  const has = (name: string): boolean => input[name] !== undefined
  const needs = (name: string, other: string): void => {
    if (has(name) && !has(other)) faults.push({ path: other, message: `it is missing; "${name}" needs it` })
  }
  const excludes = (name: string, other: string): void => {
    if (has(name) && has(other)) faults.push({ path: name, message: `it cannot be used together with "${other}"` })
  }
  needs('accessKeyId', 'secretAccessKey')
  needs('secretAccessKey', 'accessKeyId')
  needs('sessionToken', 'accessKeyId')
  excludes('profile', 'accessKeyId')
  needs('objectLockMode', 'objectLockDays')
  needs('objectLockDays', 'objectLockMode')
  excludes('sseCustomerKey', 'sseAlgorithm')
  if (has('kmsKeyId') && !String(input['sseAlgorithm']).startsWith('aws:kms')) {
    faults.push({ path: 'kmsKeyId', message: 'it needs "sseAlgorithm" to be "aws:kms" or "aws:kms:dsse"' })
  }
  if (has('sseCustomerKey') && /^http:/i.test(String(input['endpoint']))) {
    faults.push({ path: 'sseCustomerKey', message: 'it needs an "endpoint" with https: the key is sent to the server' })
  }
  return faults
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
