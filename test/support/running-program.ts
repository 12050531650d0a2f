import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { spawnTracked } from './tracked-process.ts'
import { waitFor, within } from './wait-for.ts'

/** A program that runs beside the test; killed when it is disposed of. */
export class RunningProgram implements AsyncDisposable {
  readonly name: string
  /** Lines of stdout and stderr so far. */
  readonly stdout: readonly string[]
  readonly stderr: readonly string[]
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>

  constructor(program: string, args: readonly string[], options: SpawnOptions = {}) {
    this.name = program
    this.#child = spawnTracked(program, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stdin?.on('error', () => undefined)
    this.stdout = collectLines(this.#child.stdout)
    this.stderr = collectLines(this.#child.stderr)
    this.#closed = once(this.#child, 'close')
    this.#closed.catch(() => undefined) // whoever waits for the end sees it
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.name} could not be started`)
    return this.#child.pid
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Sends a signal to it alone. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /**
   * Resolves to the first line of stderr from `from` on (an index into {@link stderr}, 0 when absent) that matches. Rejects
   * with all that was written when the deadline passes, or at once when the program ends without it.
   */
  async waitForLine(pattern: RegExp, { deadlineMs = 60_000, from = 0 } = {}): Promise<string> {
    const find = (): string | undefined => this.stderr.slice(from).find((line) => pattern.test(line))
    const found = await waitFor(
      `${this.name} writes ${pattern.source}`,
      () => find() ?? (this.isRunning ? undefined : 'ended'),
      { deadlineMs },
    ).catch((error: unknown) => {
      throw new Error(`${this.name} did not write ${pattern.source} in time:\n${this.stderr.join('\n')}`, {
        cause: error,
      })
    })
    if (found !== 'ended') return found
    await this.#closed
    const line = find()
    if (line !== undefined) return line
    throw new Error(`${this.name} ended without writing ${pattern.source}:\n${this.stderr.join('\n')}`)
  }

  /** Resolves to the exit code, or to the name of the signal that ended it, once its output is complete. */
  async ended(deadlineMs = 30_000): Promise<number | NodeJS.Signals> {
    await within(`${this.name} ends`, deadlineMs, this.#closed)
    return this.#child.exitCode ?? this.#child.signalCode ?? 0
  }

  /** Sends `signal` and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', deadlineMs = 30_000): Promise<number | NodeJS.Signals> {
    this.signal(signal)
    return this.ended(deadlineMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isRunning) return
    process.kill(-this.pid, 'SIGKILL') // its process group, which is its own: whatever it has started goes as well
    await this.ended()
  }
}

function collectLines(stream: NodeJS.ReadableStream | null): string[] {
  const lines: string[] = []
  if (stream) createInterface({ input: stream, crlfDelay: Infinity }).on('line', (line) => lines.push(line))
  return lines
}
