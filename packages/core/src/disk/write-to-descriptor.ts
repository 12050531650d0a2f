import { writeSync } from 'node:fs'

/**
 * Writes to an open file, pipe or socket without waiting; returns how many bytes the system took. 0 also when it refused:
 * for a caller that has another way, which waits for room (EAGAIN) and reports everything else.
 */
export function writeToDescriptor(descriptor: number, bytes: Uint8Array): number {
  try {
    return writeSync(descriptor, bytes)
  } catch {
    return 0
  }
}
