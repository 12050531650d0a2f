import type { OptionDescription } from '@walr/core/plugin'

/** The options for the reader; the README has the same table. */
export const optionDescriptions: readonly OptionDescription[] = [
  { name: 'bucket', type: 'string', summary: 'name of the bucket; it must exist', required: true },
  { name: 'prefix', type: 'string', summary: 'what all keys begin with, such as `pg/prod`' },
  {
    name: 'keyFile',
    type: 'path',
    summary: 'credentials (JSON): key of a service account, workload identity federation, or those of a user',
    default: 'application default credentials',
  },
  {
    name: 'anonymous',
    type: 'boolean',
    summary: 'send no credentials; for emulators and buckets open to everybody',
    default: 'false',
  },
  {
    name: 'endpoint',
    type: 'URL',
    summary: 'another server than the public one, such as a private endpoint or an emulator',
    default: 'https://storage.googleapis.com',
  },
  {
    name: 'caFile',
    type: 'path',
    summary: 'certificates (PEM) that the server must be signed by, instead of the public authorities',
  },
  { name: 'storageClass', type: 'string', summary: 'storage class of new objects', default: 'as the bucket says' },
  {
    name: 'kmsKeyName',
    type: 'string',
    summary: 'key of Cloud KMS for new objects (CMEK): `projects/P/locations/L/keyRings/R/cryptoKeys/K`',
    default: 'as the bucket says',
  },
  {
    name: 'encryptionKey',
    type: 'string',
    summary: '32 bytes in base64: the server encrypts with this key and forgets it (CSEK)',
    secret: true,
  },
  { name: 'userProject', type: 'string', summary: 'project that pays, for buckets with "requester pays"' },
  {
    name: 'chunkSize',
    type: 'size',
    summary: 'larger objects are sent in chunks of this size, a multiple of 256KiB, up to 1GiB',
    default: '20MiB',
  },
  { name: 'maxConnections', type: 'integer', summary: 'connections to the server, 1 to 1000', default: '16' },
  { name: 'connectTimeoutMs', type: 'integer', summary: 'how long a connection may take to open', default: '10000' },
  {
    name: 'requestTimeoutMs',
    type: 'integer',
    summary: 'how long a connection in use may be silent',
    default: '30000',
  },
]
