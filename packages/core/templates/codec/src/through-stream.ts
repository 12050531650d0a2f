import type { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { corrupt } from './frame.ts'

/**
 * Sends bytes through a stream of node:zlib. Errors of the input come out as they are, those of the stream as `CodecError`;
 * when the output is left early, the input is closed.
 */
export async function* throughStream(
  input: AsyncIterable<Uint8Array>,
  stream: Transform,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal.throwIfAborted()
  let inputError: { readonly error: unknown } | undefined
  // A stream asks for more before it has worked off what it was given, and walr reuses the memory of a chunk: copy it.
  const copies = async function* (): AsyncGenerator<Buffer, void, undefined> {
    try {
      for await (const chunk of input) if (chunk.length > 0) yield Buffer.from(chunk)
    } catch (error) {
      inputError = { error }
      throw error
    }
  }
  const fed = pipeline(copies, stream, { signal })
  // It is awaited below; until then it may fail without anybody waiting.
  fed.catch(() => undefined)
  try {
    for await (const chunk of stream) yield chunk as Uint8Array
    await fed
  } catch (error) {
    signal.throwIfAborted()
    if (inputError !== undefined) throw inputError.error
    throw corrupt(error instanceof Error ? error.message : String(error), error)
  } finally {
    stream.destroy()
    await Promise.allSettled([fed])
  }
}
