/**
 * Settles as `making` does, or rejects with the signal's reason as soon as that is aborted. What comes of `making` after
 * that is disposed of, if it can be.
 */
export function unlessAborted<T>(making: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      making.then(dispose).catch(() => undefined)
      reject(signal.reason as Error)
    }
    if (signal.aborted) {
      stop()
      return
    }
    signal.addEventListener('abort', stop, { once: true })
    const settled = (): void => {
      signal.removeEventListener('abort', stop)
    }
    making.finally(settled).then(resolve, reject)
  })
}

async function dispose(value: unknown): Promise<void> {
  if (typeof value !== 'object' || value === null || !(Symbol.asyncDispose in value)) return
  const disposal = value[Symbol.asyncDispose]
  if (typeof disposal === 'function') await disposal.call(value)
}
