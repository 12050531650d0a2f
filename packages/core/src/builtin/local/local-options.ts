import type { OptionDescription } from '../../plugins/contract/index.ts'
import { objectKeyFault } from '../object-key.ts'
import { OptionReader } from '../option-reader.ts'

/** The options of the built-in storage `local`. */
export interface LocalOptions {
  /** As configured; relative to the folder of the configuration file. */
  readonly path: string
  readonly mode: 'private' | 'group'
  /** Name of a file that is in the directory whenever the right volume is mounted there. */
  readonly marker: string | undefined
  readonly hardLinks: boolean
}

export const localOptionDescriptions: readonly OptionDescription[] = [
  {
    name: 'path',
    type: 'string',
    summary: 'The directory that holds the objects. It must exist; it is never created.',
    required: true,
  },
  {
    name: 'mode',
    type: '"private" or "group"',
    summary: 'Who may read what is stored: only the user that walr runs as, or its group, too.',
    default: 'private',
  },
  {
    name: 'marker',
    type: 'string',
    summary:
      'Name of a file in the directory that must be there for any operation to begin. Put one on a volume that may be unmounted: without it an empty mount point looks like an empty archive to a process that starts then.',
  },
  {
    name: 'hardLinks',
    type: 'boolean',
    summary:
      'Set to false on a file system without hard links (FAT, some network mounts). Then only one walr may write to the directory.',
    default: 'true',
  },
]

/** @throws OptionsError with all faults at once. */
export function parseLocalOptions(input: Readonly<Record<string, unknown>>): LocalOptions {
  const reader = new OptionReader(input)
  const path = reader.text('path', true) ?? ''
  const mode = reader.oneOf('mode', ['private', 'group'], 'private')
  const marker = reader.text('marker', false)
  const hardLinks = reader.boolean('hardLinks', true)
  if (path.includes('\0')) reader.fault('path', 'it has a NUL character')
  if (marker !== undefined && (objectKeyFault(marker) !== undefined || marker.includes('/'))) {
    reader.fault('marker', `it is ${JSON.stringify(marker)}, but the name of a file in the directory is expected`)
  }
  reader.finish()
  return { path, mode, marker, hardLinks }
}
