import { boolean, integer, keyPrefix, oneOf, text } from '@walr/plugin-kit/options'
import { z } from 'zod'

const DAY_MS = 86_400_000
const milliseconds = (min: number) => integer(min, DAY_MS)
const requiredText = z.string('it is missing, or no text').pipe(text)

const host = requiredText.refine(
  (name) => /^[^\s/@[\],]+$/.test(name),
  'a host name or an address is expected, without user, port and brackets',
)

const directory = requiredText
  .refine((path) => !path.includes('\0'), 'it has a NUL character')
  .transform((path) => path.replace(/(?<=.)\/+$/, ''))

const fingerprint = z
  .string('text is expected')
  .regex(/^SHA256:[A-Za-z0-9+/]{43}=?$/, 'a fingerprint such as "SHA256:" and 43 letters and digits is expected')
  .transform((value) => value.replace(/=$/, ''))
const fingerprints = z
  .union([z.array(z.string()), z.string().transform((list) => list.split(/[\s,]+/).filter((item) => item !== ''))], {
    error: 'a list of fingerprints is expected',
  })
  .pipe(z.array(fingerprint).min(1, 'it is empty'))

const marker = text.refine(
  (name) => !/[/\0]/.test(name) && name !== '.' && name !== '..',
  'the name of a file in the directory is expected',
)

/** Each option for itself; what they demand of each other is in `options.ts`. */
export const optionsSchema = z.strictObject({
  host,
  port: integer(1, 65_535).default(22),
  username: text.optional(),
  directory,
  prefix: keyPrefix.default(''),
  hostKey: fingerprints.optional(),
  knownHostsFile: text.optional(),
  password: text.optional(),
  privateKey: text.optional(),
  privateKeyFile: text.optional(),
  passphrase: text.optional(),
  agent: text.optional(),
  marker: marker.optional(),
  hardLinks: boolean.default(true),
  mode: oneOf('private', 'group').default('private'),
  maxConnections: integer(1, 64).default(4),
  connectTimeoutMs: milliseconds(1).default(20_000),
  requestTimeoutMs: milliseconds(1).default(30_000),
  keepaliveIntervalMs: milliseconds(0).default(15_000),
  idleTimeoutMs: milliseconds(1).default(60_000),
})
