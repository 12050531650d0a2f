import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { waitFor } from '../../test/support/wait-for.ts'

const PATIENCE_MS = 20_000

/**
 * Resolves when no process is left that has a scratch folder of ours as its working directory or on its command line: such
 * as were left behind to fetch ahead. They are to end by themselves; those that do not are killed, and it rejects.
 */
export async function untilNobodyUses(scratch: string): Promise<void> {
  try {
    await waitFor(`all processes of ${scratch} end`, () => usersOf(scratch).length === 0, { deadlineMs: PATIENCE_MS })
  } catch (cause) {
    const left = usersOf(scratch)
    for (const { pid } of left) killIfPresent(pid)
    if (left.length > 0) {
      throw new Error(`had to be killed:\n${left.map(({ command }) => command).join('\n')}`, { cause })
    }
  }
}

function usersOf(scratch: string): readonly { readonly pid: number; readonly command: string }[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .map((entry) => ({ pid: Number(entry), command: commandOf(entry), directory: directoryOf(entry) }))
    .filter(({ command, directory }) => command.includes(scratch) || directory.startsWith(scratch))
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return '' // it has ended meanwhile
  }
}

function directoryOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return '' // it has ended meanwhile
  }
}

function killIfPresent(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has ended meanwhile
  }
}
