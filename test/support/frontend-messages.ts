/** A standby status update as the walsender received it. */
export interface StatusUpdate {
  readonly writtenLsn: bigint
  readonly flushedLsn: bigint
  readonly appliedLsn: bigint
  readonly replyRequested: boolean
  /** `performance.now()` when it arrived. */
  readonly receivedAtMs: number
}

/** What a client sends before and after the start-up is done. */
export type FrontendMessage =
  | { readonly kind: 'encryption-request'; readonly what: 'ssl' | 'gss' }
  | { readonly kind: 'startup'; readonly parameters: ReadonlyMap<string, string> }
  | { readonly kind: 'cancel-request' }
  | { readonly kind: 'query'; readonly sql: string }
  | { readonly kind: 'status'; readonly update: StatusUpdate }
  | { readonly kind: 'copy-done' }
  | { readonly kind: 'terminate' }
  | { readonly kind: 'other'; readonly type: string; readonly payload: Buffer }

const SSL_REQUEST = 80_877_103
const GSS_REQUEST = 80_877_104
const CANCEL_REQUEST = 80_877_102

/** Cuts the bytes of a client into messages. */
export class FrontendMessageReader {
  #pending = Buffer.alloc(0)
  #started = false

  push(bytes: Buffer): readonly FrontendMessage[] {
    this.#pending = Buffer.concat([this.#pending, bytes])
    const messages: FrontendMessage[] = []
    for (;;) {
      const next = this.#started ? this.#typed() : this.#untyped()
      if (!next) return messages
      messages.push(next)
    }
  }

  #untyped(): FrontendMessage | undefined {
    const body = this.#take(0)
    if (!body) return undefined
    const code = body.readInt32BE(0)
    if (code === SSL_REQUEST) return { kind: 'encryption-request', what: 'ssl' }
    if (code === GSS_REQUEST) return { kind: 'encryption-request', what: 'gss' }
    if (code === CANCEL_REQUEST) return { kind: 'cancel-request' }
    this.#started = true
    const words = body.toString('utf8', 4).split('\0')
    const parameters = new Map<string, string>()
    for (let index = 0; words[index]; index += 2) parameters.set(words[index] ?? '', words[index + 1] ?? '')
    return { kind: 'startup', parameters }
  }

  #typed(): FrontendMessage | undefined {
    const type = String.fromCharCode(this.#pending[0] ?? 0)
    const body = this.#take(1)
    if (!body) return undefined
    if (type === 'Q') return { kind: 'query', sql: body.toString('utf8', 0, body.length - 1) }
    if (type === 'c') return { kind: 'copy-done' }
    if (type === 'X') return { kind: 'terminate' }
    if (type === 'd' && body[0] === 0x72 && body.length === 34) return { kind: 'status', update: readStatus(body) }
    return { kind: 'other', type, payload: body }
  }

  /** The payload of the message whose length word is at `lengthAt`, removed from what is pending; a copy. */
  #take(lengthAt: number): Buffer | undefined {
    if (this.#pending.length < lengthAt + 4) return undefined
    const end = lengthAt + this.#pending.readUInt32BE(lengthAt)
    if (this.#pending.length < end) return undefined
    const body = Buffer.from(this.#pending.subarray(lengthAt + 4, end))
    this.#pending = this.#pending.subarray(end)
    return body
  }
}

function readStatus(body: Buffer): StatusUpdate {
  return {
    writtenLsn: body.readBigUInt64BE(1),
    flushedLsn: body.readBigUInt64BE(9),
    appliedLsn: body.readBigUInt64BE(17),
    replyRequested: body[33] === 1,
    receivedAtMs: performance.now(),
  }
}
