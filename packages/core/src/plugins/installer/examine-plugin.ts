import { Worker } from 'node:worker_threads'
import { WalrError } from '../../errors/walr-error.ts'
import { printable } from '../../telemetry/printable-text.ts'
import type { ExaminationAnswer, ExaminationRequest, ExaminedPlugin } from './plugin-examination.ts'

/** How long a plugin may take for being imported. */
export const IMPORT_LIMIT_MS = 30_000

export interface ExamineOptions {
  readonly signal: AbortSignal
  /** Milliseconds; {@link IMPORT_LIMIT_MS} when absent. */
  readonly limitMs?: number
}

/**
 * Imports a plugin in a thread of its own, which ends with it, and looks at its shape: nothing of it stays in this process,
 * and whatever it does while it is imported (loops, ends the process, writes to standard output) hurts nobody.
 * @throws WalrError WALR_PLUGIN; the reason of the signal.
 */
export async function examinePlugin(
  request: ExaminationRequest,
  { signal, limitMs = IMPORT_LIMIT_MS }: ExamineOptions,
): Promise<ExaminedPlugin> {
  signal.throwIfAborted()
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const worker = new Worker(new URL(`./examine-worker.${extension}`, import.meta.url), {
    workerData: request,
    name: 'plugin',
    execArgv: [],
    stdout: true,
    stderr: true,
  })
  worker.stdout.resume()
  worker.stderr.resume()
  try {
    const answer = await firstAnswer(worker, signal, limitMs)
    if ('plugin' in answer) return answer.plugin
    throw new WalrError('WALR_PLUGIN', `"${request.name}" ${printable(answer.fault)}`)
  } finally {
    await worker.terminate()
  }
}

function firstAnswer(worker: Worker, signal: AbortSignal, limitMs: number): Promise<ExaminationAnswer> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      reject(signal.reason as Error)
    }
    const timer = setTimeout(() => {
      resolve({ fault: `could not be imported: it was not done after ${limitMs / 1000} s` })
    }, limitMs)
    signal.addEventListener('abort', stop, { once: true })
    worker.once('message', resolve)
    worker.once('error', (error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      resolve({ fault: `could not be imported: ${reason}` })
    })
    worker.once('exit', (status) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      resolve({ fault: `could not be imported: its thread ended with status ${status}` })
    })
  })
}
