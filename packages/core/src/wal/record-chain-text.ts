import { formatLsn, parseLsn, type Lsn } from './lsn.ts'
import type { ChainEnd, OpenRecord } from './record-chain.ts'
import { RECORD_HEADER_BYTES } from './record-format.ts'

/** The end of a segment's records as it stands in a file. */
export interface ChainEndText {
  readonly nextLsn: string
  readonly lastStart?: string
  readonly endedAt?: string
  readonly open?: OpenRecordText
}

interface OpenRecordText {
  readonly start: string
  readonly length: number
  readonly have: number
  readonly header: string
  readonly crc: number
  readonly previous?: string
}

export function chainEndText({ nextLsn, lastStart, open, endedAt }: ChainEnd): ChainEndText {
  return {
    nextLsn: formatLsn(nextLsn),
    ...(lastStart !== undefined && { lastStart: formatLsn(lastStart) }),
    ...(endedAt !== undefined && { endedAt: formatLsn(endedAt) }),
    ...(open && { open: openRecordText(open) }),
  }
}

/** @returns undefined for anything but what {@link chainEndText} makes. */
export function parseChainEnd(value: unknown): ChainEnd | undefined {
  if (!isObject(value)) return undefined
  const nextLsn = lsnOf(value['nextLsn'])
  const open = value['open'] === undefined ? undefined : parseOpenRecord(value['open'])
  if (nextLsn === undefined || (open === undefined && value['open'] !== undefined)) return undefined
  return { nextLsn, lastStart: lsnOf(value['lastStart']), endedAt: lsnOf(value['endedAt']), open }
}

function openRecordText({ start, length, have, header, crc, previous }: OpenRecord): OpenRecordText {
  const text = { start: formatLsn(start), length, have, header: Buffer.from(header).toString('hex'), crc }
  return { ...text, ...(previous !== undefined && { previous: formatLsn(previous) }) }
}

function parseOpenRecord(value: unknown): OpenRecord | undefined {
  if (!isObject(value)) return undefined
  const { start, length, have, header, crc, previous } = value
  const startLsn = lsnOf(start)
  if (startLsn === undefined || typeof header !== 'string' || !/^(?:[0-9a-f]{2})*$/.test(header)) return undefined
  if (typeof length !== 'number' || typeof have !== 'number' || typeof crc !== 'number') return undefined
  const bytes = Buffer.from(header, 'hex')
  if (bytes.length > RECORD_HEADER_BYTES) return undefined
  return { start: startLsn, length, have, header: bytes, crc, previous: lsnOf(previous) }
}

function lsnOf(value: unknown): Lsn | undefined {
  return typeof value === 'string' ? parseLsn(value) : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
