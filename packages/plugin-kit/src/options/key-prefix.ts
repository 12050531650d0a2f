import { z } from 'zod'
import { isKeyText } from '../storage-key.ts'

const MAX_PREFIX_BYTES = 500

/** What all keys of a storage begin with: a key by the contract, or nothing. Slashes around it do not count. */
export const keyPrefix = z
  .string('text is expected')
  .transform((path) => path.replace(/^\/+|\/+$/g, ''))
  .refine((path) => path === '' || isKeyText(path), 'parts separated by one "/" are expected, none of them "." or ".."')
  .refine((path) => Buffer.byteLength(path) <= MAX_PREFIX_BYTES, `it is longer than ${MAX_PREFIX_BYTES} bytes`)
