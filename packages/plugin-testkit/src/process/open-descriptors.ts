import { readdirSync } from 'node:fs'
import { eventually } from '../suite/deadline.ts'

/** How long a closed file or socket may take to be gone. */
const CLOSE_TIMEOUT_MS = 5000

/** How many files and sockets this process has open; without /proc, how many handles keep it running. */
export function openDescriptorCount(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return process.getActiveResourcesInfo().filter((name) => /^(TCP|TLS|Pipe|FS)/.test(name)).length
  }
}

/** Resolves when no more than `count` files and sockets are open; rejects when that does not come to be. */
export async function descriptorsFallTo(count: number, what: string): Promise<void> {
  await eventually(CLOSE_TIMEOUT_MS, () => {
    const open = openDescriptorCount()
    return open <= count ? undefined : `${what} leaves ${open - count} more files or sockets open than it may`
  })
}
