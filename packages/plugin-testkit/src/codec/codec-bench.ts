import type { Codec } from '@walr/core/plugin'
import { chunksOf, collect } from '../bytes/byte-stream.ts'
import type { CodecHarness } from './codec-harness.ts'

/** The object that the cases encode; an encryption binds its name. */
export const OBJECT_KEY = 'main/7300000000000000001/wal/00000001/000000010000000000000001'

/** A harness at work for one case. */
export class CodecBench implements AsyncDisposable {
  readonly harness: CodecHarness

  constructor(harness: CodecHarness) {
    this.harness = harness
  }

  open(): Promise<Codec> {
    return this.harness.open()
  }

  /** @throws Error when the harness has no such hook. */
  openWithOtherKey(): Promise<Codec> {
    if (this.harness.openWithOtherKey === undefined) {
      throw new Error('the harness has no openWithOtherKey(), which an encryption needs')
    }
    return this.harness.openWithOtherKey()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.harness.close()
  }
}

/** One direction of a codec. */
export type CodecDirection = 'encode' | 'decode'

/** All that `codec` makes of `input` in one direction. */
export function convert(
  codec: Codec,
  direction: CodecDirection,
  input: Uint8Array | AsyncIterable<Uint8Array>,
  options: { readonly objectKey?: string; readonly signal?: AbortSignal } = {},
): Promise<Uint8Array> {
  return collect(stream(codec, direction, input, options))
}

/** What `codec` makes of `input` in one direction, as a stream. */
export function stream(
  codec: Codec,
  direction: CodecDirection,
  input: Uint8Array | AsyncIterable<Uint8Array>,
  { objectKey = OBJECT_KEY, signal = new AbortController().signal }: Parameters<typeof convert>[3] = {},
): AsyncIterable<Uint8Array> {
  const chunks = input instanceof Uint8Array ? chunksOf(input) : input
  return codec[direction](chunks, { objectKey, signal })
}
