import { execFile } from 'node:child_process'
import { OptionsError, type HookContext } from '@walr/core/plugin'

/** More output than this is no key text. */
const LARGEST_OUTPUT = 65_536
const STDERR_TAIL = 500

/** A program that prints keys. */
export interface KeyCommand {
  /** Program and arguments. */
  readonly words: readonly string[]
  readonly timeoutMs: number
}

/**
 * Runs a program, without a shell and in the folder of the configuration, and resolves to what it prints.
 * @throws OptionsError with the program's name, how it ended, and the end of its standard error without anything that
 *   looks like a key; never its arguments or its output. The signal's reason.
 */
export async function runKeyCommand({ words, timeoutMs }: KeyCommand, context: HookContext): Promise<string> {
  const [program = '', ...args] = words
  context.signal.throwIfAborted()
  const options = {
    cwd: context.baseDirectory,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: LARGEST_OUTPUT,
    signal: context.signal,
    encoding: 'utf8',
  } as const
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else if (context.signal.aborted) reject(context.signal.reason as Error)
      else reject(failed(program, howItEnded(error, timeoutMs), stderr))
    })
    // Nothing to read for a program that would ask; it may have ended already.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end()
  })
}

function howItEnded(error: Error & { code?: unknown; signal?: unknown; killed?: boolean }, timeoutMs: number): string {
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return `printed more than ${LARGEST_OUTPUT} bytes`
  if (error.killed === true) return `was not done after ${timeoutMs} ms`
  if (typeof error.code === 'number') return `ended with status ${error.code}`
  if (typeof error.signal === 'string') return `was ended by ${error.signal}`
  return `could not be started (${String(error.code)})`
}

/** Not with the error of Node as its cause: that one has the arguments in it. */
function failed(program: string, how: string, stderr: string): OptionsError {
  const tail = withoutKeys(stderr.trim()).slice(-STDERR_TAIL)
  const message = `program "${program}" ${how}${tail === '' ? '' : `; it said: ${tail}`}`
  return new OptionsError([{ path: 'keyCommand', message }])
}

/** Whatever is long enough to be a key or part of one, in base64 or hexadecimal. */
function withoutKeys(text: string): string {
  return text.replace(/[A-Za-z0-9+/_=-]{24,}/g, '(masked)')
}
