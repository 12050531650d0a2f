import { boolean, httpUrl, integer, keyPrefix, oneOf, size, text } from '@walr/plugin-kit/options'
import { z } from 'zod'

const MEBIBYTE = 1024 ** 2
/** S3's own limits of a part; the last one may be smaller. */
const PART_SIZE = { min: 5 * MEBIBYTE, max: 5 * 1024 ** 3 } as const
const MAX_TAGS = 10

const bucket = text.regex(
  /^(arn:[^\s]+|[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9])$/,
  'the name of a bucket, or the ARN of an access point, is expected',
)

const customerKey = text.refine(
  (value) => /^[A-Za-z0-9+/]{43}=$/.test(value),
  '32 bytes in base64 are expected; `openssl rand -base64 32` makes them',
)

const tags = z
  .union(
    [
      z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)),
      z.string().transform((query) => Object.fromEntries(new URLSearchParams(query))),
    ],
    { error: 'a map, or text such as "a=1&b=2", is expected' },
  )
  .refine((map) => Object.keys(map).length <= MAX_TAGS, `at most ${MAX_TAGS} tags are possible`)

const assumeRole = z.strictObject({
  roleArn: text,
  externalId: text.optional(),
  sessionName: text.regex(/^[\w+=,.@-]{2,64}$/, '2 to 64 letters, digits or +=,.@- are expected').default('walr'),
})

/** Each option for itself; what they demand of each other is in `options.ts`. */
export const optionsSchema = z.strictObject({
  bucket: z.string('it is missing, or no text').pipe(bucket),
  prefix: keyPrefix.default(''),
  region: text.optional(),
  endpoint: httpUrl.optional(),
  forcePathStyle: boolean.optional(),
  accessKeyId: text.optional(),
  secretAccessKey: text.optional(),
  sessionToken: text.optional(),
  profile: text.optional(),
  assumeRole: assumeRole.optional(),
  caFile: text.optional(),
  storageClass: text.optional(),
  sseAlgorithm: oneOf('AES256', 'aws:kms', 'aws:kms:dsse').optional(),
  kmsKeyId: text.optional(),
  sseCustomerKey: customerKey.optional(),
  tags: tags.default({}),
  objectLockMode: oneOf('GOVERNANCE', 'COMPLIANCE').optional(),
  objectLockDays: integer(1, 36_500).optional(),
  objectLockLegalHold: boolean.default(false),
  conditionalWrites: boolean.default(true),
  checksumAlgorithm: oneOf('CRC32', 'SHA1', 'SHA256').default('CRC32'),
  requestChecksumCalculation: oneOf('WHEN_SUPPORTED', 'WHEN_REQUIRED').default('WHEN_SUPPORTED'),
  partSize: size(PART_SIZE.min, PART_SIZE.max).default(20 * MEBIBYTE),
  partConcurrency: integer(1, 64).default(2),
  maxConnections: integer(1, 1000).default(16),
  connectTimeoutMs: integer(1, 3_600_000).default(10_000),
  requestTimeoutMs: integer(1, 3_600_000).default(30_000),
})
