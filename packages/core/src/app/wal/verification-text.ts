import { printableLine } from '../../telemetry/printable-text.ts'
import { terminalWidthHere } from '../plugins/terminal-width-here.ts'
import { textTable } from '../plugins/text-table.ts'
import { bytesText, secondsText } from './byte-text.ts'
import type { VerifyMeter } from './verify-contents.ts'
import type { Finding, Severity } from './verify-findings.ts'

/** What `walr wal verify --json` prints. */
export interface Verification extends VerifyMeter {
  readonly mode: 'names' | 'default' | 'deep'
  readonly status: Severity | 'good'
  readonly exitStatus: number
  readonly listedSegments: number
  readonly seconds: number
  /** Of all findings; the list may be shorter. */
  readonly counts: Readonly<Record<Severity, number>>
  readonly findings: readonly Finding[]
}

const modes = {
  names: 'names and histories',
  default: 'names, histories, and every page header',
  deep: 'names, histories, every page header, and every record',
} as const

const verdicts: Readonly<Record<Severity | 'good', string>> = {
  good: 'all good',
  warning: 'all WAL is there and good; something deserves a look',
  unchecked: 'NOT ALL COULD BE CHECKED',
  missing: 'WAL IS MISSING',
  damaged: 'WAL IS DAMAGED',
}

/** What a person reads of it. */
export function verificationText(verification: Verification, width: number | undefined = terminalWidthHere()): string {
  const { mode, status, findings, counts } = verification
  const listed = findings.length
  const found = counts.damaged + counts.missing + counts.unchecked + counts.warning
  return [
    ...(listed === 0 ? [] : [textTable([header, ...findings.map(row)], width), '']),
    ...(found > listed ? [`and ${found - listed} findings more`, ''] : []),
    `checked: ${modes[mode]}; ${extent(verification)}`,
    `result: ${verdicts[status]}`,
  ].join('\n')
}

const header = ['SEVERITY', 'WHERE', 'LSN', 'WHAT, AND WHAT TO DO'] as const

function row({ severity, place, where, lsn, what, remedy }: Finding): readonly string[] {
  const whole = place === 'archive' ? where : `${where} in ${place}`
  return [severity, printableLine(whole), lsn ?? '', printableLine(`${what}. ${remedy}`)]
}

function extent({
  mode,
  listedSegments,
  segments,
  skippedSegments,
  plainBytes,
  seconds,
  records,
}: Verification): string {
  if (mode === 'names') return `${listedSegments} segments, ${secondsText(seconds)}`
  const rate = seconds > 0 ? `, ${bytesText(plainBytes / seconds)}/s` : ''
  const earlier = skippedSegments === 0 ? '' : `, and ${skippedSegments} by an earlier run`
  const all = mode === 'deep' ? `${segments} segments with ${records} records` : `${segments} segments`
  return `${all} (${bytesText(plainBytes)}) in ${secondsText(seconds)}${rate}${earlier}`
}
