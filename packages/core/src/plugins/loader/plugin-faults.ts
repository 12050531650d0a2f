import { WalrError } from '../../errors/walr-error.ts'
import type { PluginFault } from './plugin-entry.ts'

/** Carries one or more faults to whoever gathers or reports them; it does not leave this folder. */
export class PluginFaults extends Error {
  readonly faults: readonly PluginFault[]

  constructor(faults: readonly PluginFault[]) {
    super(faults.map(({ message }) => message).join('; '))
    this.faults = faults
  }

  /** WALR_PLUGIN, or WALR_CONFIG when nothing but the configuration has to change. */
  toWalrError(): WalrError {
    const code = this.faults.some((fault) => fault.code === 'WALR_PLUGIN') ? 'WALR_PLUGIN' : 'WALR_CONFIG'
    const causes = this.faults.flatMap(({ cause }) => (cause === undefined ? [] : [cause]))
    if (causes.length === 0) return new WalrError(code, this.message)
    const cause = causes.length === 1 ? causes[0] : new AggregateError(causes, 'several plugins failed')
    return new WalrError(code, this.message, { cause })
  }
}

/** Where a plugin is named, for messages about it. */
export interface NamedPlace {
  readonly plugin: string
  readonly place: string
  /** As the user knows it; undefined when there is none. */
  readonly configFile: string | undefined
}

/** A fault in the words `"NAME" (FILE PLACE) TEXT`. */
export function pluginFault(
  { plugin, place, configFile }: NamedPlace,
  code: PluginFault['code'],
  text: string,
  options: { readonly cause?: unknown } = {},
): PluginFaults {
  const where = configFile === undefined ? place : `${configFile} ${place}`
  return new PluginFaults([{ plugin, place, code, message: `"${plugin}" (${where}) ${text}`, ...options }])
}

/** What an error says, for a message. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error) return error.message === '' ? error.name : error.message
  return typeof error === 'string' ? error : `it threw ${typeof error}`
}
