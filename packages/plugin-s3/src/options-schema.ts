import { nearestName } from '@walr/core/plugin'
import { z } from 'zod'

const MEBIBYTE = 1024 ** 2
const UNITS: Readonly<Record<string, number>> = { '': 1, KiB: 1024, MiB: MEBIBYTE, GiB: 1024 ** 3 }
/** S3's own limits of a part; the last one may be smaller. */
const PART_SIZE = { min: 5 * MEBIBYTE, max: 5 * 1024 ** 3 } as const
const MAX_PREFIX_BYTES = 500
const MAX_TAGS = 10

const text = z.string('text is expected').min(1, 'it is empty')
// Values from the environment are strings.
const boolean = z.union([z.boolean(), z.enum(['true', 'false']).transform((word) => word === 'true')], {
  error: 'true or false is expected',
})
const integer = (min: number, max: number) =>
  z
    .union(
      [
        z.int(),
        z
          .string()
          .regex(/^\d{1,15}$/)
          .transform(Number),
      ],
      { error: 'a whole number is expected' },
    )
    .refine((value) => value >= min && value <= max, `a whole number from ${min} to ${max} is expected`)
const oneOf = <const T extends readonly [string, ...string[]]>(...words: T) =>
  z.enum(words, { error: `${words.map((word) => `"${word}"`).join(' or ')} is expected` })

const bytes = z
  .union([z.int(), z.string().transform(toBytes)], { error: 'a size such as "20MiB" is expected' })
  .refine((size) => size >= PART_SIZE.min && size <= PART_SIZE.max, 'a size from 5MiB to 5GiB is expected')

const bucket = text.regex(
  /^(arn:[^\s]+|[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9])$/,
  'the name of a bucket, or the ARN of an access point, is expected',
)

const prefix = z
  .string('text is expected')
  .transform((path) => path.replace(/^\/+|\/+$/g, ''))
  .refine((path) => path === '' || isKeyText(path), 'parts separated by one "/" are expected, none of them "." or ".."')
  .refine((path) => Buffer.byteLength(path) <= MAX_PREFIX_BYTES, `it is longer than ${MAX_PREFIX_BYTES} bytes`)

const endpoint = text.refine(isHttpUrl, 'an URL such as "https://s3.example.com" is expected, without user and query')

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
  prefix: prefix.default(''),
  region: text.optional(),
  endpoint: endpoint.optional(),
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
  partSize: bytes.default(20 * MEBIBYTE),
  partConcurrency: integer(1, 64).default(2),
  maxConnections: integer(1, 1000).default(16),
  connectTimeoutMs: integer(1, 3_600_000).default(10_000),
  requestTimeoutMs: integer(1, 3_600_000).default(30_000),
})

/** What an unknown option is told. */
export function unknownOptionText(name: string, section: readonly PropertyKey[]): string {
  const known = section[0] === 'assumeRole' ? assumeRole.shape : optionsSchema.shape
  const nearest = nearestName(name, Object.keys(known))
  return `there is no such option${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`
}

function toBytes(value: string): number {
  const [, digits, unit = ''] = /^(\d{1,15}) *(|KiB|MiB|GiB)$/.exec(value) ?? []
  return Number(digits) * (UNITS[unit] ?? Number.NaN)
}

function isHttpUrl(value: string): boolean {
  const url = URL.parse(value)
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '' && url.hash === ''
}

function isKeyText(path: string): boolean {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (!path.isWellFormed() || /[\u0000-\u001f\u007f-\u009f]/.test(path)) return false
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}
