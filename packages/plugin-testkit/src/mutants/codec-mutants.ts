import { randomUUID } from 'node:crypto'
import { CodecError, isCodecError, type Codec, type CodecContext } from '@walr/core/plugin'
import { FramedCodec } from '../framed-codec.fixture.ts'
import { SealedCodec } from '../sealed-codec.fixture.ts'

type Stream = AsyncGenerator<Uint8Array, void, void>
type Input = AsyncIterable<Uint8Array>

/** A codec that breaks one law, and the cases that have to find it: these and no others. */
export interface CodecMutant {
  readonly breaks: string
  readonly fails: readonly string[]
  readonly make: (key: string) => Codec
}

class KeepsBorrowedChunk extends FramedCodec {
  override encode(plain: Input, context: CodecContext): Stream {
    async function* late(): Stream {
      let held: Uint8Array = new Uint8Array(0)
      for await (const chunk of plain) {
        yield held
        held = chunk
      }
      yield held
    }
    return super.encode(late(), context)
  }
}

class SharesHeader extends FramedCodec {
  readonly #header = Buffer.from('WF1')
  override async *encode(plain: Input, context: CodecContext): Stream {
    let index = 0
    for await (const chunk of super.encode(plain, context)) yield index++ === 0 ? this.#header : chunk
  }
}

class DoesOneAtATime extends FramedCodec {
  #busy = false
  override async *encode(plain: Input, context: CodecContext): Stream {
    if (this.#busy) throw new CodecError('Corrupt', 'busy')
    this.#busy = true
    try {
      yield* super.encode(plain, context)
    } finally {
      this.#busy = false
    }
  }
}

class LeavesInputOpen extends FramedCodec {
  override encode(plain: Input, context: CodecContext): Stream {
    const iterator = plain[Symbol.asyncIterator]()
    return super.encode({ [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) }, context)
  }
}

class WrapsInputErrors extends FramedCodec {
  override async *decode(coded: Input, context: CodecContext): Stream {
    try {
      yield* super.decode(coded, context)
    } catch (error) {
      if (isCodecError(error) || context.signal.aborted) throw error
      throw new CodecError('Corrupt', 'the input broke', { cause: error })
    }
  }
}

class IgnoresSignalAtStart extends FramedCodec {
  override encode(plain: Input, context: CodecContext): Stream {
    const signal = context.signal.aborted ? new AbortController().signal : context.signal
    return super.encode(plain, { ...context, signal })
  }
}

class IgnoresSignalLater extends FramedCodec {
  override async *decode(coded: Input, context: CodecContext): Stream {
    context.signal.throwIfAborted()
    yield* super.decode(coded, { ...context, signal: new AbortController().signal })
  }
}

class AcceptsCuts extends FramedCodec {
  override async *decode(coded: Input, context: CodecContext): Stream {
    try {
      yield* super.decode(coded, context)
    } catch (error) {
      if (!(error instanceof Error) || error.message !== 'the object ends early') throw error
    }
  }
}

class AcceptsMore extends FramedCodec {
  protected override isRight(digest: Buffer, found: Buffer): boolean {
    return digest.equals(found.subarray(0, digest.length))
  }
}

class IgnoresDigest extends FramedCodec {
  protected override isRight(digest: Buffer, found: Buffer): boolean {
    return digest.length === found.length
  }
}

class ThrowsPlainErrors extends FramedCodec {
  protected override foreign(): Error {
    return new Error('not of this format')
  }
}

class HoldsPlain extends FramedCodec {
  override encode(plain: Input, context: CodecContext): Stream {
    return super.encode(held(plain, context), context)
  }
}

class HoldsDecoded extends FramedCodec {
  override async *decode(coded: Input, context: CodecContext): Stream {
    yield* held(super.decode(coded, context), context)
  }
}

class StopsAtEmptyChunk extends FramedCodec {
  override encode(plain: Input, context: CodecContext): Stream {
    async function* cut(): Stream {
      for await (const chunk of plain) {
        if (chunk.length === 0) return
        yield chunk
      }
    }
    return super.encode(cut(), context)
  }
}

class CutsLargeChunks extends FramedCodec {
  override encode(plain: Input, context: CodecContext): Stream {
    async function* cut(): Stream {
      for await (const chunk of plain) yield chunk.subarray(0, 1_048_576)
    }
    return super.encode(cut(), context)
  }
}

class GivesNothingForNothing extends FramedCodec {
  override async *encode(plain: Input, context: CodecContext): Stream {
    const chunks: Uint8Array[] = []
    for await (const chunk of super.encode(plain, context)) {
      chunks.push(chunk)
      if (chunks.length > 2) yield* chunks.splice(0)
    }
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    if (length !== 39) yield* chunks
  }
}

class HasLongSuffix extends FramedCodec {
  override readonly suffix = '.framed-object'
}

class IsAlone extends SealedCodec {
  constructor(key: string) {
    super(key + randomUUID())
  }
}

class IgnoresObjectKey extends SealedCodec {
  protected override bindingOf(): string {
    return ''
  }
}

class CallsWrongKeyCorrupt extends SealedCodec {
  protected override opening(header: Buffer, context: CodecContext) {
    try {
      return super.opening(header, context)
    } catch (error) {
      throw new CodecError('Corrupt', 'something is wrong', { cause: error })
    }
  }
}

class HasOneSalt extends SealedCodec {
  protected override salt(): Buffer {
    return Buffer.alloc(32)
  }
}

class SkipsTag extends SealedCodec {
  protected override verify(): void {
    // This is the fault.
  }
}

async function* held(input: Input, { signal }: CodecContext): Stream {
  const chunks: Uint8Array[] = []
  for await (const chunk of input) {
    signal.throwIfAborted()
    chunks.push(new Uint8Array(chunk))
  }
  while (chunks.length > 0) {
    yield chunks[0] ?? new Uint8Array(0)
    chunks.shift()
  }
}

const CUTS = ['CODEC-CUT-01', 'CODEC-CUT-02']
const FLIPS = ['CODEC-FLIP-01', 'CODEC-FLIP-02']

/** Mutants of the codec of frames, and of the encryption. */
export const codecMutants: readonly CodecMutant[] = [
  { breaks: 'keeps a chunk that is borrowed', fails: ['CODEC-BUF-01'], make: () => new KeepsBorrowedChunk() },
  { breaks: 'shares its header', fails: ['CODEC-BUF-02'], make: () => new SharesHeader() },
  { breaks: 'does one thing at a time', fails: ['CODEC-PAR-01'], make: () => new DoesOneAtATime() },
  { breaks: 'leaves its input open', fails: ['CODEC-END-01', 'CODEC-ABORT-02'], make: () => new LeavesInputOpen() },
  { breaks: 'wraps errors of its input', fails: ['CODEC-ERR-01'], make: () => new WrapsInputErrors() },
  { breaks: 'ignores an aborted signal', fails: ['CODEC-ABORT-01'], make: () => new IgnoresSignalAtStart() },
  { breaks: 'ignores a signal that is aborted later', fails: ['CODEC-ABORT-02'], make: () => new IgnoresSignalLater() },
  { breaks: 'accepts cuts', fails: [...CUTS, 'CODEC-FLIP-01'], make: () => new AcceptsCuts() },
  { breaks: 'accepts more bytes', fails: ['CODEC-CUT-03'], make: () => new AcceptsMore() },
  { breaks: 'ignores its digest', fails: FLIPS, make: () => new IgnoresDigest() },
  { breaks: 'throws plain errors', fails: ['CODEC-CUT-04', ...FLIPS], make: () => new ThrowsPlainErrors() },
  { breaks: 'holds all it encodes', fails: ['CODEC-MEM-01', 'CODEC-MEM-02'], make: () => new HoldsPlain() },
  { breaks: 'holds all it decodes', fails: ['CODEC-MEM-02'], make: () => new HoldsDecoded() },
  {
    breaks: 'takes an empty chunk for the end',
    fails: ['CODEC-RT-01', 'CODEC-PAR-01'],
    make: () => new StopsAtEmptyChunk(),
  },
  { breaks: 'cuts large chunks', fails: ['CODEC-RT-03'], make: () => new CutsLargeChunks() },
  {
    breaks: 'gives nothing for nothing',
    fails: ['CODEC-RT-02', 'CODEC-CUT-03', 'CODEC-KEY-01'],
    make: () => new GivesNothingForNothing(),
  },
  { breaks: 'has a long suffix', fails: ['CODEC-ID-01'], make: () => new HasLongSuffix() },
  { breaks: 'reads only what it wrote itself', fails: ['CODEC-RT-04'], make: (key) => new IsAlone(key) },
  { breaks: "ignores the object's key", fails: ['CODEC-KEY-01'], make: (key) => new IgnoresObjectKey(key) },
  { breaks: 'calls a wrong key corrupt', fails: ['CODEC-KEY-02'], make: (key) => new CallsWrongKeyCorrupt(key) },
  { breaks: 'has one salt for all objects', fails: ['CODEC-KEY-03'], make: (key) => new HasOneSalt(key) },
  {
    breaks: 'does not look at the tag',
    fails: [...CUTS, 'CODEC-CUT-03', ...FLIPS, 'CODEC-KEY-01'],
    make: (key) => new SkipsTag(key),
  },
]
