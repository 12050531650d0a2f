/**
 * Gives the chunks of `source`, and rejects with the signal's reason once that is aborted, even while `source` is silent.
 * `source` is told when nothing more is wanted of it. Its errors pass unchanged; chunks stay borrowed from it.
 */
export async function* abortableChunks(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal.throwIfAborted()
  const iterator = source[Symbol.asyncIterator]()
  let interrupt: (reason: unknown) => void = () => undefined
  let state: 'idle' | 'pulling' | 'ended' = 'idle'
  const onAbort = (): void => {
    interrupt(signal.reason)
  }
  // One listener for all chunks: a race for each would pile up on a signal that lives long.
  signal.addEventListener('abort', onAbort)
  const pull = (): Promise<IteratorResult<Uint8Array>> =>
    new Promise((resolve, reject) => {
      interrupt = reject
      state = 'pulling'
      iterator.next().then(
        (result) => {
          state = result.done === true ? 'ended' : 'idle'
          resolve(result)
        },
        (error: unknown) => {
          state = 'ended'
          reject(error instanceof Error ? error : new Error(String(error), { cause: error }))
        },
      )
    })
  try {
    for (;;) {
      signal.throwIfAborted()
      const result = await pull()
      if (result.done === true) return
      yield result.value
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    await leave(iterator, state)
  }
}

/** A source that is silent may answer `return` only after its chunk, so nobody waits for that. */
async function leave(iterator: AsyncIterator<Uint8Array>, state: 'idle' | 'pulling' | 'ended'): Promise<void> {
  if (state === 'ended') return
  const left = Promise.resolve(iterator.return?.())
  if (state === 'idle') await left
  else left.catch(() => undefined)
}
