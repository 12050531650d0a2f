import { StorageError, type ByteSource } from '@walr/core/plugin'

/**
 * The bytes of a source, for sending. walr reuses the memory of a chunk, so each is copied; the last one is held back until
 * the source has ended, so that one of a wrong size, or one that fails at its end, is never complete on the other side.
 * @throws StorageError Permanent when the source fails or gives other than its size.
 */
export async function* uploadBody(
  source: ByteSource,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0
  let held: Uint8Array | undefined
  for await (const chunk of abortable(source.open(), signal)) {
    if (chunk.length === 0) continue
    size += chunk.length
    if (source.size !== undefined && size > source.size) throw wrongSize(source.size, `at least ${size}`)
    if (held !== undefined) yield held
    held = new Uint8Array(chunk)
  }
  if (source.size !== undefined && size !== source.size) throw wrongSize(source.size, `${size}`)
  if (held !== undefined) yield held
}

function wrongSize(expected: number, received: string): StorageError {
  return new StorageError('Permanent', `its source said ${expected} bytes and gave ${received}`)
}

/** What a source gives, until the signal is aborted: a source may be silent for long. */
async function* abortable(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal.throwIfAborted()
  const iterator = source[Symbol.asyncIterator]()
  let interrupt = (): void => undefined
  const abort = (): void => interrupt()
  signal.addEventListener('abort', abort)
  // Each step has a promise of its own: one that lives long would keep everything that it was raced with.
  const next = (): Promise<IteratorResult<Uint8Array>> =>
    new Promise((resolve, reject) => {
      interrupt = () => reject(signal.reason)
      iterator.next().then(resolve, (cause: unknown) => {
        reject(new StorageError('Permanent', `its source failed: ${String(cause)}`, { cause }))
      })
    })
  try {
    for (let step = await next(); step.done !== true; step = await next()) {
      yield step.value
      signal.throwIfAborted()
    }
  } finally {
    signal.removeEventListener('abort', abort)
    // It may be silent, so nobody waits for it.
    iterator.return?.().catch(() => undefined)
  }
}
