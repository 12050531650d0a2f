import { CodecError } from '../../plugins/contract/index.ts'
import { MalformedInput } from '../../wal/compression/decode-fault.ts'

/** Passes the decoder's output on, with what it says about its input as the contract wants it. */
export async function* withCodecErrors(
  decoded: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* decoded
  } catch (error) {
    if (!(error instanceof MalformedInput)) throw error
    throw new CodecError('Corrupt', `the object cannot be decoded: ${error.message}`, { cause: error })
  }
}
