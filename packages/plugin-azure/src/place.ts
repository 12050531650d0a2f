/** Who asks. */
export type Authorization =
  | { readonly kind: 'key'; readonly accountName: string; readonly accountKey: string }
  /** Without a question mark. */
  | { readonly kind: 'sas'; readonly token: string }
  | {
      readonly kind: 'token'
      readonly credential: 'default' | 'managed-identity'
      readonly clientId: string | undefined
    }

/** Where the objects are, and how we get there. */
export interface AzurePlace {
  /** Without a slash at its end and without SAS. */
  readonly containerUrl: string
  readonly container: string
  readonly authorization: Authorization
}

/** What may be wrong with a text that names a place. Never has a part of the text in it: there are secrets in it. */
export class PlaceFault extends Error {
  override readonly name = 'PlaceFault'
}

/** Takes the URL of a container with its SAS apart. @throws PlaceFault */
export function parseContainerUrl(text: string): AzurePlace {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.hash !== '') {
    throw new PlaceFault('a URL such as "https://NAME.blob.core.windows.net/CONTAINER?SAS" is expected')
  }
  if (!url.searchParams.has('sig')) throw new PlaceFault('it has no SAS (no parameter "sig")')
  const containerUrl = `${url.origin}${url.pathname.replace(/\/+$/, '')}`
  const container = containerUrl.slice(containerUrl.lastIndexOf('/') + 1)
  if (container === '' || url.pathname.length < 2) throw new PlaceFault('it names no container')
  return { containerUrl, container, authorization: { kind: 'sas', token: url.search.slice(1) } }
}

/** The account that a connection string is for. */
export interface ConnectedAccount {
  readonly endpoint: string
  readonly authorization: Authorization
}

/** Reads a connection string as the portal shows it, with a key or with a SAS. @throws PlaceFault */
export function parseConnectionString(text: string): ConnectedAccount {
  const field = fieldsOf(text)
  const endpoint = field('BlobEndpoint') ?? defaultEndpoint(field)
  const url = URL.parse(endpoint)
  if (url === null || !/^https?:$/.test(url.protocol)) throw new PlaceFault('its "BlobEndpoint" is no URL')
  const token = field('SharedAccessSignature')?.replace(/^\?/, '')
  if (token !== undefined) return { endpoint, authorization: { kind: 'sas', token } }
  const [accountName, accountKey] = [field('AccountName'), field('AccountKey')]
  if (accountName === undefined) throw new PlaceFault('it has no "AccountName"')
  if (accountKey === undefined) throw new PlaceFault('it has neither "AccountKey" nor "SharedAccessSignature"')
  return { endpoint, authorization: { kind: 'key', accountName, accountKey } }
}

/** True where the account is in the path instead of the host name: at emulators of Azure. */
export function isPathStyle({ containerUrl }: AzurePlace): boolean {
  return new URL(containerUrl).pathname.split('/').length > 2
}

type Fields = (name: string) => string | undefined

function fieldsOf(text: string): Fields {
  const fields = new Map(
    text
      .split(';')
      .filter((field) => field.trim() !== '')
      .map((field) => {
        const at = field.indexOf('=')
        if (at < 1) throw new PlaceFault('parts such as "AccountName=..." separated by ";" are expected')
        return [field.slice(0, at).trim().toLowerCase(), field.slice(at + 1).trim()]
      }),
  )
  if (fields.has('usedevelopmentstorage')) {
    throw new PlaceFault('"UseDevelopmentStorage" is not supported; set "endpoint", "accountName" and "accountKey"')
  }
  return (name) => {
    const value = fields.get(name.toLowerCase())
    return value === '' ? undefined : value
  }
}

function defaultEndpoint(field: Fields): string {
  const name = field('AccountName')
  if (name === undefined) throw new PlaceFault('it has neither "AccountName" nor "BlobEndpoint"')
  const protocol = field('DefaultEndpointsProtocol') ?? 'https'
  return `${protocol}://${name}.blob.${field('EndpointSuffix') ?? 'core.windows.net'}`
}
