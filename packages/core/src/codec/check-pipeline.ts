import { WalrError } from '../errors/walr-error.ts'
import type { CodecPipeline } from './codec-pipeline.ts'

const SAMPLE_BYTES = 200_000

/**
 * Encodes a sample and decodes it again: proves at start that what will be archived can be read with the keys at hand.
 * @throws WalrError WALR_KEY when it does not come back; what the codecs throw.
 */
export async function checkPipeline(pipeline: CodecPipeline, signal: AbortSignal): Promise<void> {
  const sample = Buffer.alloc(SAMPLE_BYTES)
  for (let at = 0; at < sample.length; at += 4) sample.writeUInt32LE((at * 2_654_435_761) % 0x1_0000_0000, at)
  const context = { objectKey: 'walr/check', signal }
  const coded = pipeline.encode(once(sample), context)
  const back: Buffer[] = []
  for await (const chunk of pipeline.decode(pipeline.suffix, coded, context)) back.push(Buffer.from(chunk))
  if (Buffer.concat(back).equals(sample)) return
  throw new WalrError('WALR_KEY', `what the codecs "${pipeline.suffix}" encode does not decode to the same bytes`, {
    hint: 'Nothing was archived. Check the keys and the versions of the codec plugins.',
  })
}

// eslint-disable-next-line @typescript-eslint/require-await -- the codecs want an asynchronous source
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}
