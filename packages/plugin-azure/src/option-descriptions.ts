import type { OptionDescription } from '@walr/core/plugin'

/** The options for the reader; the README has the same table. */
export const optionDescriptions: readonly OptionDescription[] = [
  { name: 'container', type: 'string', summary: 'name of the container; it must exist' },
  { name: 'prefix', type: 'string', summary: 'what all keys begin with, such as `pg/prod`' },
  { name: 'accountName', type: 'string', summary: 'name of the storage account' },
  { name: 'accountKey', type: 'string', summary: 'a key of the storage account', secret: true },
  {
    name: 'connectionString',
    type: 'string',
    summary: 'account with key or SAS, as the portal shows it, in place of `accountName` and `accountKey`',
    secret: true,
  },
  { name: 'sasToken', type: 'string', summary: 'shared access signature (SAS), with `accountName`', secret: true },
  {
    name: 'containerUrl',
    type: 'URL',
    summary: 'URL of the container with a SAS, in place of `container`, `accountName` and `sasToken`',
    secret: true,
  },
  {
    name: 'credential',
    type: '"default" or "managed-identity"',
    summary: 'where tokens come from when there is neither key nor SAS',
    default: 'default',
  },
  { name: 'clientId', type: 'string', summary: 'client id of a managed identity that is assigned by the user' },
  {
    name: 'endpoint',
    type: 'URL',
    summary: 'the blob service, such as `https://NAME.blob.core.usgovcloudapi.net`',
    default: '`https://NAME.blob.core.windows.net`',
  },
  {
    name: 'caFile',
    type: 'path',
    summary: 'certificates (PEM) that the server must be signed by, instead of the public authorities',
  },
  {
    name: 'accessTier',
    type: '"Hot", "Cool" or "Cold"',
    summary: 'access tier of new objects',
    default: 'as the account says',
  },
  { name: 'encryptionScope', type: 'string', summary: 'encryption scope of new objects' },
  {
    name: 'customerProvidedKey',
    type: 'string',
    summary: '32 bytes in base64: the server encrypts with this key and forgets it (CPK)',
    secret: true,
  },
  {
    name: 'blockSize',
    type: 'size',
    summary: 'larger objects go in blocks of this size, 64KiB to 4000MiB',
    default: '20MiB',
  },
  { name: 'blockConcurrency', type: 'integer', summary: 'blocks of one object sent at once, 1 to 64', default: '2' },
  { name: 'maxConnections', type: 'integer', summary: 'connections to the server, 1 to 1000', default: '16' },
  { name: 'connectTimeoutMs', type: 'integer', summary: 'how long a connection may take to open', default: '10000' },
  {
    name: 'requestTimeoutMs',
    type: 'integer',
    summary: 'how long a connection in use may be silent',
    default: '30000',
  },
]
