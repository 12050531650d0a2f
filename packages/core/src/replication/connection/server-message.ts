import { WalrError } from '../../errors/walr-error.ts'

/** First bytes of the server's messages (manual, "Message Formats"). */
export const SERVER_MESSAGE = {
  authentication: 0x52, // 'R'
  backendKeyData: 0x4b, // 'K'
  commandComplete: 0x43, // 'C'
  copyBothResponse: 0x57, // 'W'
  copyDone: 0x63, // 'c'
  dataRow: 0x44, // 'D'
  emptyQueryResponse: 0x49, // 'I'
  errorResponse: 0x45, // 'E'
  negotiateProtocolVersion: 0x76, // 'v'
  noticeResponse: 0x4e, // 'N'
  notificationResponse: 0x41, // 'A'
  parameterStatus: 0x53, // 'S'
  readyForQuery: 0x5a, // 'Z'
  rowDescription: 0x54, // 'T'
} as const

/** A complete message; the body has neither type nor length. */
export interface ServerMessage {
  readonly type: number
  readonly body: Buffer
}

/** The fields of ErrorResponse and NoticeResponse that walr uses (manual, "Error and Notice Message Fields"). */
export interface ServerReport {
  /** Never translated: ERROR, FATAL, PANIC, WARNING, NOTICE, DEBUG, INFO or LOG. */
  readonly severity: string
  readonly sqlState: string
  readonly message: string
  readonly detail: string | undefined
  readonly hint: string | undefined
}

/** @throws WalrError WALR_PROTOCOL when the body is cut short. */
export function decodeServerReport(body: Buffer): ServerReport {
  const reader = new BodyReader(body)
  const fields = new Map<number, string>()
  for (let field = reader.uint8(); field !== 0; field = reader.uint8()) fields.set(field, reader.cstring())
  const field = (letter: string): string | undefined => fields.get(letter.charCodeAt(0))
  return {
    severity: field('V') ?? field('S') ?? 'ERROR',
    sqlState: field('C') ?? '',
    message: field('M') ?? '',
    detail: field('D'),
    hint: field('H'),
  }
}

/** Name and value. @throws WalrError WALR_PROTOCOL when the body is cut short. */
export function decodeParameterStatus(body: Buffer): readonly [name: string, value: string] {
  const reader = new BodyReader(body)
  return [reader.cstring(), reader.cstring()]
}

/** The columns as text, NULL as null. @throws WalrError WALR_PROTOCOL when the body is cut short. */
export function decodeDataRow(body: Buffer): readonly (string | null)[] {
  const reader = new BodyReader(body)
  return Array.from({ length: reader.uint16() }, () => {
    const length = reader.int32()
    return length === -1 ? null : reader.bytes(length).toString('utf8')
  })
}

/** The request's number, and what follows it. @throws WalrError WALR_PROTOCOL when the body is cut short. */
export function decodeAuthentication(body: Buffer): { readonly request: number; readonly data: Buffer } {
  const reader = new BodyReader(body)
  return { request: reader.int32(), data: reader.rest() }
}

/** Names of the mechanisms in AuthenticationSASL. @throws WalrError WALR_PROTOCOL when the list is cut short. */
export function decodeSaslMechanisms(data: Buffer): readonly string[] {
  const reader = new BodyReader(data)
  const mechanisms: string[] = []
  for (let name = reader.cstring(); name !== ''; name = reader.cstring()) mechanisms.push(name)
  return mechanisms
}

class BodyReader {
  readonly #body: Buffer
  #position = 0

  constructor(body: Buffer) {
    this.#body = body
  }

  uint8(): number {
    return this.bytes(1).readUInt8(0)
  }

  uint16(): number {
    return this.bytes(2).readUInt16BE(0)
  }

  int32(): number {
    return this.bytes(4).readInt32BE(0)
  }

  bytes(length: number): Buffer {
    const end = this.#position + length
    if (length < 0 || end > this.#body.length) throw cutShort()
    const bytes = this.#body.subarray(this.#position, end)
    this.#position = end
    return bytes
  }

  rest(): Buffer {
    return this.bytes(this.#body.length - this.#position)
  }

  cstring(): string {
    const end = this.#body.indexOf(0, this.#position)
    if (end < 0) throw cutShort()
    const text = this.#body.toString('utf8', this.#position, end)
    this.#position = end + 1
    return text
  }
}

function cutShort(): WalrError {
  return new WalrError('WALR_PROTOCOL', 'the server sent a message that is shorter than its contents')
}
