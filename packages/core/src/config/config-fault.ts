import { WalrError } from '../errors/walr-error.ts'

/** One thing that is wrong with the configuration. */
export interface ConfigFault {
  /** `archive.storage.bucket`, `archive.codecs[1].use`; empty for the configuration as a whole. */
  readonly path: string
  /** What is wrong, with the value received unless that may be a secret, and what is expected or to be done. */
  readonly message: string
  /** Where the value came from; absent when there is none. */
  readonly source?: string
  /** The line of the file, counted from 1, where the value came from there and that can be told. */
  readonly line?: number
}

/** One line: `"receive.slot": must be ..., received "x" (environment variable WALR_RECEIVE_SLOT)`. */
export function formatConfigFault({ path, message, source, line }: ConfigFault): string {
  const place = path === '' ? '' : `"${path}": `
  const origin = line === undefined ? source : `line ${line}`
  return `${place}${message}${origin === undefined || origin === 'file' ? '' : ` (${origin})`}`
}

/** All faults as one error: a single one in its message, more of them as lines of its detail. */
export function configError(faults: readonly ConfigFault[], file: string | undefined, cause?: unknown): WalrError {
  const what = file === undefined ? 'the configuration' : `configuration file "${file}"`
  const lines = faults.map(formatConfigFault)
  const one = lines.length === 1 ? lines[0] : undefined
  const options = { hint, ...(cause !== undefined && { cause }) }
  if (one !== undefined) return new WalrError('WALR_CONFIG', `${what} is wrong: ${one}`, options)
  const message = `${what} is wrong in ${lines.length} places`
  return new WalrError('WALR_CONFIG', message, { ...options, detail: lines.join('\n') })
}

const hint = 'docs/configuration.md lists all keys; "walr config validate" checks a configuration.'
