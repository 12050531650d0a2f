import { WalrError } from '../../errors/walr-error.ts'
import { CodecError, isCodecError, type Codec, type CodecContext } from '../contract/index.ts'
import type { CallOptions, PluginCall } from './call-options.ts'
import { reasonOf } from './plugin-faults.ts'
import type { SecretMask } from './secret-mask.ts'

type Direction = 'encode' | 'decode'

/**
 * A plugin's codec as core uses it. It reads its input to the end, or fails. Errors of the input pass unchanged, also when the codec hides them; the codec's own are
 * CodecErrors that name plugin and object; anything else that it throws is a WalrError WALR_PLUGIN.
 */
export class LoadedCodec implements Codec {
  readonly id: string
  readonly kind: Codec['kind']
  readonly suffix: Codec['suffix']
  readonly #inner: Codec
  readonly #plugin: string
  readonly #mask: SecretMask
  readonly #options: Pick<CallOptions, 'observe' | 'clock'>

  constructor(inner: Codec, plugin: string, mask: SecretMask, options: Pick<CallOptions, 'observe' | 'clock'>) {
    this.id = inner.id
    this.kind = inner.kind
    this.suffix = inner.suffix
    this.#inner = inner
    this.#plugin = plugin
    this.#mask = mask
    this.#options = options
  }

  encode(plain: AsyncIterable<Uint8Array>, context: CodecContext): AsyncIterable<Uint8Array> {
    return this.#run('encode', plain, context)
  }

  decode(coded: AsyncIterable<Uint8Array>, context: CodecContext): AsyncIterable<Uint8Array> {
    return this.#run('decode', coded, context)
  }

  async *#run(
    direction: Direction,
    input: AsyncIterable<Uint8Array>,
    context: CodecContext,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const call = new CodecCall(this.#options.clock.now)
    let outcome: PluginCall['outcome'] = 'ok'
    let iterator: AsyncIterator<Uint8Array> | undefined
    try {
      context.signal.throwIfAborted()
      const source = this.#inner[direction](call.watched(input), context)[Symbol.asyncIterator]()
      iterator = source
      for (;;) {
        const result = await call.step(() => source.next())
        if (result.done === true) break
        if (!((result.value as unknown) instanceof Uint8Array))
          throw new TypeError('it gave something other than bytes')
        call.bytes += result.value.length
        context.signal.throwIfAborted()
        yield result.value
      }
      iterator = undefined
      if (!call.inputEnded) throw new Error('it ended before its input did')
      if (call.inputFailure !== undefined) throw call.inputFailure.error
    } catch (error) {
      const failure = this.#failure(error, call, direction, context)
      outcome = outcomeOf(failure, call, context)
      throw failure
    } finally {
      await iterator?.return?.()
      await call.close()
      const { plugin, durationMs, bytes } = { plugin: this.#plugin, durationMs: call.durationMs, bytes: call.bytes }
      this.#options.observe({ plugin, operation: direction, durationMs, outcome, bytes })
    }
  }

  #failure(error: unknown, call: CodecCall, direction: Direction, { objectKey, signal }: CodecContext): unknown {
    if (call.inputFailure !== undefined) return call.inputFailure.error
    if (signal.aborted) return signal.reason
    const prefix = `${this.#plugin}: ${direction} "${objectKey}": `
    const reason = this.#mask(reasonOf(error))
    const message = reason.startsWith(prefix) ? reason : `${prefix}${reason}`
    if (isCodecError(error, 'Corrupt', 'WrongKey')) return new CodecError(error.code, message, { cause: error })
    return new WalrError('WALR_PLUGIN', message, {
      cause: error,
      hint: 'This is a fault of the plugin; report it to its author.',
    })
  }
}

/** Time, bytes and the input of one run of a codec. */
class CodecCall {
  readonly #now: () => number
  #inputMs = 0
  #stepMs = 0
  #iterator: AsyncIterator<Uint8Array> | undefined
  #pulling = false
  #inputEnded = false
  bytes = 0
  inputFailure: { readonly error: unknown } | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  /** Whether the codec has read its input to the end. */
  get inputEnded(): boolean {
    return this.#inputEnded
  }

  get durationMs(): number {
    return Math.max(0, this.#stepMs - this.#inputMs)
  }

  async step<T>(work: () => Promise<T>): Promise<T> {
    const startedAt = this.#now()
    try {
      return await work()
    } finally {
      this.#stepMs += this.#now() - startedAt
    }
  }

  async *watched(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const iterator = input[Symbol.asyncIterator]()
    this.#iterator = iterator
    try {
      for (;;) {
        const startedAt = this.#now()
        this.#pulling = true
        const result = await iterator.next()
        this.#pulling = false
        this.#inputMs += this.#now() - startedAt
        if (result.done === true) break
        yield result.value
      }
      this.#inputEnded = true
    } catch (error) {
      this.#inputEnded = true
      this.inputFailure ??= { error }
      throw error
    } finally {
      await this.close()
    }
  }

  /** Tells the input that nothing more is wanted. One that is silent may not answer, so nobody waits for that. */
  async close(): Promise<void> {
    const iterator = this.#inputEnded ? undefined : this.#iterator
    this.#iterator = undefined
    const closed = Promise.resolve(iterator?.return?.())
    if (this.#pulling) closed.catch(() => undefined)
    else await closed
  }
}

function outcomeOf(failure: unknown, call: CodecCall, { signal }: CodecContext): PluginCall['outcome'] {
  if (signal.aborted) return 'aborted'
  if (call.inputFailure !== undefined) return 'source'
  return isCodecError(failure) ? failure.code : 'Permanent'
}
