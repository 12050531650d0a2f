import { closeSync, readdirSync, readFileSync } from 'node:fs'

/** `O_CLOEXEC` on Linux, in the flags of `/proc/self/fdinfo`. */
const CLOSE_ON_EXEC = 0o2000000

/**
 * Closes what this process has got from its parent and would pass on to its children: everything but the standard streams
 * that is not closed by exec. Node opens nothing that way. Servers before PostgreSQL 16 pass on the data files that they
 * have open; a process that lives on would keep the room of deleted ones occupied. Does nothing but on Linux.
 */
export function closeInheritedFiles(): void {
  try {
    for (const name of readdirSync('/proc/self/fd')) {
      const descriptor = Number(name)
      if (descriptor > 2 && isPassedOn(name)) closeSync(descriptor)
    }
  } catch {
    // Without /proc nobody knows what is open.
  }
}

function isPassedOn(name: string): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, 'latin1'))?.[1]
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0
  } catch {
    return false // the listing itself
  }
}
