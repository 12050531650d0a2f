import { boolean, httpUrl, integer, keyPrefix, size, text } from '@walr/plugin-kit/options'
import { z } from 'zod'

const KIBIBYTE = 1024
const MEBIBYTE = 1024 ** 2
/** The server takes chunks of multiples of this only. */
const CHUNK_UNIT = 256 * KIBIBYTE

const bucket = text.regex(
  /^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/,
  'the name of a bucket is expected: small letters, digits, dashes, underscores and dots',
)

const chunkSize = size(CHUNK_UNIT, 1024 * MEBIBYTE).refine(
  (bytes) => bytes % CHUNK_UNIT === 0,
  'a multiple of 256KiB is expected',
)

const kmsKeyName = text.regex(
  /^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+$/,
  '"projects/P/locations/L/keyRings/R/cryptoKeys/K" is expected',
)

const encryptionKey = text.refine(
  (value) => /^[A-Za-z0-9+/]{43}=$/.test(value),
  '32 bytes in base64 are expected; `openssl rand -base64 32` makes them',
)

/** Each option for itself; what they demand of each other is in `options.ts`. */
export const optionsSchema = z.strictObject({
  bucket: z.string('it is missing, or no text').pipe(bucket),
  prefix: keyPrefix.default(''),
  keyFile: text.optional(),
  anonymous: boolean.default(false),
  endpoint: httpUrl.default('https://storage.googleapis.com'),
  caFile: text.optional(),
  storageClass: text.regex(/^[A-Za-z_]+$/, 'a word such as "NEARLINE" is expected').optional(),
  kmsKeyName: kmsKeyName.optional(),
  encryptionKey: encryptionKey.optional(),
  userProject: text.optional(),
  chunkSize: chunkSize.default(20 * MEBIBYTE),
  maxConnections: integer(1, 1000).default(16),
  connectTimeoutMs: integer(1, 3_600_000).default(10_000),
  requestTimeoutMs: integer(1, 3_600_000).default(30_000),
})
