import type { OptionDescription } from '@walr/core/plugin'
import { OptionReader } from './option-reader.ts'

/** The options after they were checked. Change these, the descriptions and {@link parseOptions} together. */
export interface StorageOptions {
  /** Without a slash at its end. */
  readonly url: string
  readonly bucket: string
  readonly token: string | undefined
  /** Empty, or with a slash at its end. */
  readonly prefix: string
}

/** For `walr plugins inspect`, and so that secrets are masked: mark everything that nobody else may see. */
export const optionDescriptions: readonly OptionDescription[] = [
  { name: 'url', type: 'URL', summary: 'Address of the service.', required: true },
  { name: 'bucket', type: 'string', summary: 'Name of the bucket. It has to exist.', required: true },
  { name: 'token', type: 'string', summary: 'What the service knows the user by.', secret: true },
  { name: 'prefix', type: 'string', summary: 'What all keys begin with, such as `pg/prod`.' },
]

/** Checks the entry of walr's configuration. @throws OptionsError with all faults at once. */
export function parseOptions(input: Readonly<Record<string, unknown>>): StorageOptions {
  const reader = new OptionReader(input, optionDescriptions)
  const url = reader.requiredText('url')
  const bucket = reader.requiredText('bucket')
  const token = reader.text('token')
  const prefix = reader.text('prefix')
  if (url !== '' && !/^https?:\/\/[^/?#]+[^?#]*$/.test(url)) {
    reader.fault('url', `${reader.shown('url')}, but an http or https address is expected`)
  }
  if (bucket.includes('/')) reader.fault('bucket', `${reader.shown('bucket')}, but a name without "/" is expected`)
  reader.finish()
  return {
    url: url.replace(/\/+$/, ''),
    bucket,
    token,
    prefix: prefix === undefined ? '' : `${prefix.replace(/\/+$/, '')}/`,
  }
}
