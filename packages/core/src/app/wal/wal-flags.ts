import { WalrError } from '../../errors/walr-error.ts'
import { parseSystemIdentifier, type SystemIdentifier } from '../../wal/system-identifier.ts'
import { toTimelineId, type TimelineId } from '../../wal/timeline-id.ts'

/** Parsed flags of a command about WAL; those that it lacks are undefined. */
export type WalFlags = Readonly<Record<string, unknown>>

export function textFlag(flags: WalFlags, name: string): string | undefined {
  const value = flags[name]
  return typeof value === 'string' ? value : undefined
}

/** @throws WalrError WALR_USAGE */
export function timelineFlag(flags: WalFlags): TimelineId | undefined {
  const text = textFlag(flags, 'timeline')
  if (text === undefined) return undefined
  const number = /^\d{1,10}$/.test(text) ? Number(text) : 0
  if (number >= 1 && number <= 0xffff_ffff) return toTimelineId(number)
  throw new WalrError('WALR_USAGE', `invalid value "${text}" for --timeline: a number from 1 on is expected`, {
    hint: 'In the names of segments timelines are hexadecimal; here they are decimal.',
  })
}

/** @throws WalrError WALR_USAGE */
export function systemFlag(flags: WalFlags): SystemIdentifier | undefined {
  const text = textFlag(flags, 'system-identifier')
  const parsed = text === undefined ? undefined : parseSystemIdentifier(text)
  if (text === undefined || parsed !== undefined) return parsed
  throw new WalrError('WALR_USAGE', `invalid value "${text}" for --system-identifier: a decimal number is expected`)
}
