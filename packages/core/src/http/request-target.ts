import { isWalrError } from '../errors/walr-error.ts'
import { parseWantedFile, type WantedFile } from '../restore/wanted-file.ts'
import { parseSystemIdentifier, type SystemIdentifier } from '../wal/system-identifier.ts'

/** A file of WAL that somebody asks for. */
export interface WalTarget {
  readonly wanted: WantedFile
  readonly partial: 'auto' | 'never'
  /** Whose WAL it has to be, when that was said. */
  readonly systemIdentifier: SystemIdentifier | undefined
}

/** What is wrong with a request, in a sentence; nothing of the request is in it. */
export interface BadTarget {
  readonly message: string
}

const walPath = /^\/(?:api\/)?v1\/wal\/([^?#]*)(?:\?([^#]*))?$/
/** The longest name has 41 characters: that of a backup history file. */
const namePattern = /^[0-9A-Za-z.]{1,64}$/

/**
 * Reads the target of a request for WAL, exactly as it stood in the request: nothing is decoded, so that nothing can be
 * hidden in an encoding, and a name that no WAL file has is never looked for.
 */
export function parseWalTarget(target: string): WalTarget | BadTarget {
  const [, name, query = ''] = walPath.exec(target) ?? []
  if (name === undefined) return { message: 'there is nothing at this address; WAL is at /v1/wal/NAME' }
  const wanted = wantedFile(name)
  if (wanted === undefined) {
    return { message: 'this is not the name of a WAL segment, history or backup history file' }
  }
  let partial: WalTarget['partial'] | undefined
  let systemIdentifier: SystemIdentifier | undefined
  for (const pair of query === '' ? [] : query.split('&')) {
    const [key, value = '', ...more] = pair.split('=')
    if (key === 'partial' && partial === undefined && more.length === 0 && (value === 'auto' || value === 'never')) {
      partial = value
    } else if (key === 'system' && systemIdentifier === undefined && more.length === 0) {
      systemIdentifier = parseSystemIdentifier(value)
      if (systemIdentifier === undefined) return { message: 'the value of "system" is no system identifier' }
    } else {
      return { message: 'the query may have "partial", which is "auto" or "never", and "system", once each' }
    }
  }
  return { wanted, partial: partial ?? 'auto', systemIdentifier }
}

function wantedFile(name: string): WantedFile | undefined {
  if (!namePattern.test(name)) return undefined
  try {
    return parseWantedFile(name)
  } catch (error) {
    if (isWalrError(error, 'WALR_USAGE')) return undefined
    throw error
  }
}
