import { readdirSync, readFileSync } from 'node:fs'

/** Process ids of the direct children of `parent`. */
export function childrenOf(parent: number): readonly number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => statFields(pid)?.[1] === String(parent))
}

/** Whether it exists and has not ended; one that has ended and waits to be reaped counts as gone. */
export function isAlive(pid: number | undefined): boolean {
  const state = pid === undefined ? undefined : statFields(pid)?.[0]
  return state !== undefined && state !== 'Z' && state !== 'X'
}

/** Fields of `/proc/PID/stat` from the third one (the state) on; they follow the name, which is in brackets. */
export function statFields(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined // it has ended meanwhile
  }
}
