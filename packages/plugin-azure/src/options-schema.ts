import { httpUrl, integer, keyPrefix, oneOf, size, text } from '@walr/plugin-kit/options'
import { z } from 'zod'

const KIBIBYTE = 1024
const MEBIBYTE = 1024 ** 2
/** The upper one is Azure's own limit of a block. */
const BLOCK_SIZE = { min: 64 * KIBIBYTE, max: 4000 * MEBIBYTE } as const

const container = text.regex(
  /^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/,
  'the name of a container is expected: 3 to 63 small letters, digits and single dashes',
)

const accountName = text.regex(
  /^[a-z0-9]{3,24}$/,
  'the name of a storage account is expected: small letters and digits',
)

// Azure keeps "a." as "a", and "a\b" as "a/b"
const prefix = keyPrefix.refine(
  (path) => !path.includes('\\') && !/[^./]\.+(\/|$)/.test(path),
  'Azure keeps no names with "\\", or with a dot before "/" or the end',
)

const base64 = text.regex(/^[A-Za-z0-9+/]+={0,2}$/, 'base64 is expected, as the portal shows it')

const customerKey = text.refine(
  (value) => /^[A-Za-z0-9+/]{43}=$/.test(value),
  '32 bytes in base64 are expected; `openssl rand -base64 32` makes them',
)

const sasToken = text
  .transform((token) => token.replace(/^\?/, ''))
  .refine((token) => new URLSearchParams(token).has('sig'), 'a SAS is expected; it has a parameter "sig"')

/** Each option for itself; what they demand of each other is in `options.ts`. */
export const optionsSchema = z.strictObject({
  container: container.optional(),
  prefix: prefix.default(''),
  accountName: accountName.optional(),
  accountKey: base64.optional(),
  connectionString: text.optional(),
  sasToken: sasToken.optional(),
  containerUrl: text.optional(),
  credential: oneOf('default', 'managed-identity').optional(),
  clientId: text.optional(),
  endpoint: httpUrl.optional(),
  caFile: text.optional(),
  accessTier: oneOf('Hot', 'Cool', 'Cold').optional(),
  encryptionScope: text.optional(),
  customerProvidedKey: customerKey.optional(),
  blockSize: size(BLOCK_SIZE.min, BLOCK_SIZE.max).default(20 * MEBIBYTE),
  blockConcurrency: integer(1, 64).default(2),
  maxConnections: integer(1, 1000).default(16),
  connectTimeoutMs: integer(1, 3_600_000).default(10_000),
  requestTimeoutMs: integer(1, 3_600_000).default(30_000),
})
