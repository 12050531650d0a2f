/**
 * Messages that a PostgreSQL server sends (manual, "Frontend/Backend Protocol", section "Message Formats"), and the ones that
 * a walsender puts into CopyData ("Streaming Replication Protocol"). Integers are big-endian.
 */

/** One message: type byte, length that counts itself, payload. */
export function message(type: string, ...payload: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(payload)
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeUInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

export const authenticationOk = (): Buffer => message('R', int32(0))

export const readyForQuery = (): Buffer => message('Z', Buffer.from('I'))

export const parameterStatus = (name: string, value: string): Buffer => message('S', cString(name), cString(value))

export const backendKeyData = (pid: number, secret: number): Buffer => message('K', int32(pid), int32(secret))

export const commandComplete = (tag: string): Buffer => message('C', cString(tag))

/** CopyBothResponse: binary, no columns. */
export const copyBothResponse = (): Buffer => message('W', Buffer.from([0, 0, 0]))

export const copyData = (payload: Uint8Array): Buffer => message('d', payload)

export const copyDone = (): Buffer => message('c')

/** Severity, SQLSTATE, message and whatever else an ErrorResponse or NoticeResponse carries. */
export interface ReportFields {
  readonly severity?: string
  readonly sqlState?: string
  readonly message: string
  readonly detail?: string
  readonly hint?: string
}

export const errorResponse = (fields: ReportFields): Buffer =>
  message('E', ...reportFields({ severity: 'ERROR', ...fields }))

export const noticeResponse = (fields: ReportFields): Buffer =>
  message('N', ...reportFields({ severity: 'NOTICE', sqlState: '00000', ...fields }))

/** RowDescription and one DataRow, all columns as text; `null` is NULL. No row at all when `values` is absent. */
export function resultRow(columns: readonly string[], values?: readonly (string | null)[]): Buffer {
  const fields = columns.map((name) =>
    Buffer.concat([cString(name), int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)]),
  )
  const description = message('T', int16(columns.length), ...fields)
  if (!values) return description
  const cells = values.map((value) => (value === null ? int32(-1) : lengthPrefixed(Buffer.from(value))))
  return Buffer.concat([description, message('D', int16(values.length), ...cells)])
}

/** XLogData. `walEnd` is the server's own position; the end of these bytes when absent. */
export function xlogData(
  startLsn: bigint,
  bytes: Uint8Array,
  walEnd: bigint = startLsn + BigInt(bytes.length),
): Buffer {
  return copyData(Buffer.concat([Buffer.from('w'), int64(startLsn), int64(walEnd), int64(postgresNow()), bytes]))
}

/** Primary keepalive. */
export function primaryKeepalive(walEnd: bigint, replyRequested: boolean): Buffer {
  return copyData(
    Buffer.concat([Buffer.from('k'), int64(walEnd), int64(postgresNow()), Buffer.from([replyRequested ? 1 : 0])]),
  )
}

function reportFields(fields: ReportFields): readonly Buffer[] {
  const { severity = 'ERROR', sqlState = 'XX000', message: text, detail, hint } = fields
  const all = { S: severity, V: severity, C: sqlState, M: text, D: detail, H: hint }
  const present = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return [...present.map(([key, value]) => Buffer.concat([Buffer.from(key), cString(value)])), Buffer.from([0])]
}

function cString(value: string): Buffer {
  return Buffer.concat([Buffer.from(value), Buffer.from([0])])
}

function lengthPrefixed(value: Buffer): Buffer {
  return Buffer.concat([int32(value.length), value])
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value))
  return bytes
}

/** Microseconds since 2000-01-01 UTC. */
function postgresNow(): bigint {
  return BigInt(Date.now() - 946_684_800_000) * 1000n
}
