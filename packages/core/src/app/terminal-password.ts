import type { Readable, Writable } from 'node:stream'
import { ReadStream, WriteStream } from 'node:tty'
import { openTerminal } from '../disk/open-terminal.ts'
import { PasswordLine } from './password-line.ts'
import { StopRequest } from './stop-signals.ts'

/** Where a password is asked for. */
interface Terminal {
  readonly input: Readable
  readonly output: Writable
  /** Switches the echo of what is typed; undefined when `input` is no terminal. */
  readonly setEcho: ((echo: boolean) => void) | undefined
  close(): void
}

/**
 * Asks for a password on the terminal without showing what is typed; without a terminal, on standard error, and reads a
 * line of standard input, as libpq's programs do. The terminal is as before on every way out.
 * @param prompt printed as it is, such as `Password: `.
 * @throws the reason of `signal` when that aborts meanwhile; StopRequest when a signal or Ctrl-C ends the waiting, unless
 *   nobody else listens to that signal: then it ends the process.
 * @see `simple_prompt` in PostgreSQL's `src/common/sprompt.c`
 */
export async function askPassword(prompt: string, signal?: AbortSignal): Promise<string> {
  signal?.throwIfAborted()
  const terminal = openControllingTerminal() ?? standardStreams()
  const interruption = new AbortController()
  const signals = signal ? [signal, interruption.signal] : [interruption.signal]
  const restore = terminal.setEcho && hideTyping(terminal.setEcho, interruption)
  try {
    terminal.output.write(prompt)
    return await readLine(terminal, AbortSignal.any(signals))
  } finally {
    restore?.()
    if (restore) terminal.output.write('\n')
    terminal.close()
  }
}

/** Two descriptors, since each of the streams closes its own. */
function openControllingTerminal(): Terminal | undefined {
  const readable = openTerminal('read')
  const writable = openTerminal('write')
  if (readable === undefined || writable === undefined) return undefined
  const input = new ReadStream(readable)
  const output = new WriteStream(writable)
  return {
    input,
    output,
    setEcho: (echo) => void input.setRawMode(!echo),
    close(): void {
      input.destroy()
      output.destroy()
    },
  }
}

function standardStreams(): Terminal {
  const { stdin, stderr } = process
  return {
    input: stdin,
    output: stderr,
    setEcho: stdin.isTTY ? (echo) => void stdin.setRawMode(!echo) : undefined,
    close: () => void stdin.pause(),
  }
}

/** Signals that end the process by default; with the echo off, it has to come back first. */
const deadlySignals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

/** Switches the echo off; the function returned switches it on again. The end of the process does so, too. */
function hideTyping(setEcho: (echo: boolean) => void, interruption: AbortController): () => void {
  const restore = (): void => setEcho(true)
  const restoreAndDie = (signalName: NodeJS.Signals): void => {
    finish()
    interruption.abort(new StopRequest(signalName === 'SIGINT' ? 'SIGINT' : 'SIGTERM'))
    // Without a listener of anybody else, the signal has its default meaning.
    if (process.listenerCount(signalName) === 0) process.kill(process.pid, signalName)
  }
  const finish = (): void => {
    restore()
    process.off('exit', restore)
    for (const signalName of deadlySignals) process.off(signalName, restoreAndDie)
  }
  process.on('exit', restore)
  for (const signalName of deadlySignals) process.on(signalName, restoreAndDie)
  setEcho(false)
  return finish
}

async function readLine({ input, setEcho }: Terminal, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const line = new PasswordLine(setEcho !== undefined)
  const onData = (chunk: Buffer): void => {
    const outcome = line.type(chunk)
    if (outcome === 'interrupt') process.kill(process.pid, 'SIGINT')
    if (outcome === 'end') resolve(line.text())
  }
  const onEnd = (): void => resolve(line.text())
  const onAbort = (): void => reject(signal.reason as Error)
  input.on('data', onData).on('end', onEnd).on('error', reject)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await promise
  } finally {
    input.off('data', onData).off('end', onEnd).off('error', reject)
    signal.removeEventListener('abort', onAbort)
  }
}
