import { once } from 'node:events'
import type { SpawnOptions } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { spawnTracked } from './tracked-process.ts'

/** What a program that has ended left. */
export interface ProgramResult {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** How {@link runProgram} runs it; beyond Node's own options. */
export interface RunOptions extends SpawnOptions {
  /** Milliseconds after which it is killed; 120 s when absent. */
  readonly deadlineMs?: number
  /** What it reads on stdin; nothing when absent. */
  readonly input?: string
}

/** Runs a program to its end and resolves to what it left, whatever its exit code. Rejects when it cannot be started. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { deadlineMs = 120_000, input = '', ...options }: RunOptions = {},
): Promise<ProgramResult> {
  const child = spawnTracked(program, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
  const { stdin, stdout, stderr } = child
  if (!stdin || !stdout || !stderr) throw new Error(`${program} has no pipes`)
  const exited = once(child, 'close')
  stdin.on('error', () => undefined) // a program that ends without reading its input is no fault of the caller
  stdin.end(input)
  const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs)
  try {
    const [out, err] = await Promise.all([text(stdout), text(stderr), exited])
    return { exitCode: child.exitCode, signal: child.signalCode, stdout: out, stderr: err }
  } finally {
    clearTimeout(timer)
  }
}

/** As {@link runProgram}, but an exit code other than 0 rejects with the program's stderr. Resolves to its stdout. */
export async function mustRun(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await runProgram(program, args, options)
  if (result.exitCode !== 0) {
    const how = result.signal ?? `exit code ${result.exitCode ?? 'unknown'}`
    throw new Error(`${program} ${args.join(' ')}: ${how}\n${result.stderr}${result.stdout}`)
  }
  return result.stdout
}
