import { appendFileSync, renameSync, statSync } from 'node:fs'
import { Writable } from 'node:stream'

/** Half of what the files take together. */
const DEFAULT_BYTES = 262_144 // 256 KiB

/**
 * A log file that cannot fill a disk: when it is full, it becomes `<path>.old`, and a new one is begun. Each line starts
 * with the time. Whatever cannot be written is lost: nobody waits for a log.
 */
export function boundedLog(path: string, maxBytes: number = DEFAULT_BYTES): Writable {
  return new Writable({
    decodeStrings: false,
    write(text: string | Buffer, _encoding, done) {
      try {
        if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= maxBytes) renameSync(path, `${path}.old`)
        appendFileSync(path, `${new Date().toISOString()} ${String(text)}`, { mode: 0o600 })
      } catch {
        // Lost.
      }
      done()
    },
  })
}
