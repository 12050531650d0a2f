/** Gives the chunks of `stream` until `signal` is aborted, and rejects with its reason at once then, whatever the stream does. */
export async function* abortableStream<T>(
  stream: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T, void, void> {
  signal.throwIfAborted()
  let interrupt: (reason: unknown) => void = () => undefined
  const onAbort = () => interrupt(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const iterator = stream[Symbol.asyncIterator]()
  let ended = false
  try {
    for (;;) {
      // Not Promise.race() with one promise for the signal: that would hold every chunk until the end.
      const next = await new Promise<IteratorResult<T, unknown>>((resolve, reject) => {
        interrupt = reject
        iterator.next().then(resolve, reject)
      })
      signal.throwIfAborted()
      if (next.done === true) {
        ended = true
        return
      }
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    // A stream that hangs would hang here, too: it is told, and not waited for.
    if (!ended) iterator.return?.().catch(() => undefined)
  }
}
