import { checkOptions, type OptionRelations } from '@walr/plugin-kit/options'
import type { z } from 'zod'
import { optionDescriptions } from './option-descriptions.ts'
import { optionsSchema } from './options-schema.ts'
import { parseConnectionString, parseContainerUrl, PlaceFault, type AzurePlace } from './place.ts'

type Given = Readonly<z.output<typeof optionsSchema>>

/** The options of the plugin, checked. Sizes are in bytes. */
export interface AzureOptions
  extends
    Pick<Given, 'prefix' | 'caFile' | 'accessTier' | 'encryptionScope' | 'customerProvidedKey'>,
    Pick<Given, 'blockSize' | 'blockConcurrency' | 'maxConnections' | 'connectTimeoutMs' | 'requestTimeoutMs'> {
  readonly place: AzurePlace
}

/** Of these there can be one. */
const WAYS_IN = ['connectionString', 'accountKey', 'sasToken', 'containerUrl', 'credential'] as const

/**
 * Checks the options of the configuration. No fault shows a secret.
 * @throws OptionsError with all faults.
 */
export function parseOptions(input: Readonly<Record<string, unknown>>): AzureOptions {
  let place: AzurePlace | undefined
  const given = checkOptions(optionsSchema, optionDescriptions, input, (relations) => {
    relate(relations)
    const parsed = optionsSchema.safeParse(input)
    if (parsed.success) place = placeOf(parsed.data, relations)
  })
  if (place === undefined) throw new Error('options without faults have a place')
  return { ...given, place }
}

function relate({ has, needs, excludes, fault }: OptionRelations): void {
  const ways = WAYS_IN.filter(has)
  for (const way of ways.slice(1)) excludes(way, ways[0] ?? way)
  for (const whole of ['connectionString', 'containerUrl']) {
    excludes('accountName', whole)
    excludes('endpoint', whole)
  }
  excludes('container', 'containerUrl')
  excludes('clientId', 'accountKey')
  needs('accountKey', 'accountName')
  excludes('customerProvidedKey', 'encryptionScope')
  if (!has('container') && !has('containerUrl')) fault('container', 'it is missing')
  if (!['accountName', 'endpoint', 'connectionString', 'containerUrl'].some(has)) {
    fault('accountName', 'it is missing; without it "endpoint", "connectionString" or "containerUrl" is needed')
  }
}

/** Undefined when something is wrong with it, which is told. */
function placeOf(given: Given, { fault }: OptionRelations): AzurePlace | undefined {
  const named = given.containerUrl === undefined ? 'connectionString' : 'containerUrl'
  try {
    const place = given.containerUrl === undefined ? composed(given) : parseContainerUrl(given.containerUrl)
    checkTls(place, given, fault)
    return place
  } catch (error) {
    if (!(error instanceof PlaceFault)) throw error
    fault(named, error.message)
    return undefined
  }
}

function composed(given: Given): AzurePlace {
  const { accountName, accountKey, sasToken, clientId, container = '', connectionString } = given
  const connected = connectionString === undefined ? undefined : parseConnectionString(connectionString)
  const endpoint = connected?.endpoint ?? given.endpoint ?? `https://${accountName ?? ''}.blob.core.windows.net`
  const containerUrl = `${endpoint.replace(/\/+$/, '')}/${container}`
  const place = { containerUrl, container }
  if (connected !== undefined) return { ...place, authorization: connected.authorization }
  if (accountKey !== undefined && accountName !== undefined) {
    return { ...place, authorization: { kind: 'key', accountName, accountKey } }
  }
  if (sasToken !== undefined) return { ...place, authorization: { kind: 'sas', token: sasToken } }
  return { ...place, authorization: { kind: 'token', credential: given.credential ?? 'default', clientId } }
}

function checkTls({ containerUrl, authorization }: AzurePlace, given: Given, fault: OptionRelations['fault']): void {
  if (containerUrl.startsWith('https:')) return
  if (given.customerProvidedKey !== undefined) {
    fault('customerProvidedKey', 'it needs https: the key is sent to the server')
  }
  if (authorization.kind === 'token') {
    fault('endpoint', 'https is needed where there is neither key nor SAS: a token is sent to the server')
  }
}
