import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { closeInheritedFiles } from '../../disk/close-inherited-files.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { isYoung } from '../../restore/prefetch/mark-file.ts'
import type { PrefetchArguments } from '../../restore/prefetch/prefetch-arguments.ts'
import { unableMark, type PrefetchPlace } from '../../restore/prefetch/prefetch-place.ts'
import { isWalFileName } from '../../wal/wal-file-name.ts'
import { isWalSegmentSize } from '../../wal/wal-segment-size.ts'
import type { RecoverySettings } from './recovery-settings.ts'

/** What a prefetcher works for. Sent to its process as JSON. */
export interface PrefetcherStart {
  readonly place: PrefetchPlace
  readonly settings: RecoverySettings
  readonly arguments: PrefetchArguments
  /** `--prefetch`. */
  readonly maxBytes: number
  readonly isVerbose: boolean
  /** The segment that PostgreSQL was given without a prefetcher. */
  readonly delivered?: { readonly name: string; readonly walSegmentSize: number }
}

/** The environment variable that carries it: a command line could be read by others. */
export const START_VARIABLE = 'WALR_PREFETCHER_START'

/** With V8's own limits each segment's buffers make it collect the whole heap: a third of all time, when an SDK is loaded. */
const HEAP = ['--initial-old-space-size=96', '--max-semi-space-size=2']

/** One that was started so recently may not be listening yet. */
const STARTING_MS = 3000
/** One that could not work is not tried again before this. */
const UNABLE_MS = 60_000

/**
 * Starts a prefetcher that lives on, and does not wait for it. `delivered`: what PostgreSQL was given, and where. It is no
 * failure when there is none afterwards.
 */
export async function leavePrefetcher(
  start: Omit<PrefetcherStart, 'delivered'>,
  delivered: { readonly fileName: string; readonly targetPath: string } | undefined,
): Promise<void> {
  try {
    const { workingDirectory, generation } = start.place
    if (await isYoung(nodeDisk, join(workingDirectory, generation), STARTING_MS)) return
    if (await isYoung(nodeDisk, join(workingDirectory, unableMark(start.place)), UNABLE_MS)) return
    const segment = delivered && (await segmentAt(delivered.fileName, delivered.targetPath))
    const message: PrefetcherStart = { ...start, ...(segment && { delivered: segment }) }
    closeInheritedFiles()
    const child = spawn(process.execPath, [...HEAP, fileURLToPath(new URL('./prefetcher-entry.js', import.meta.url))], {
      cwd: workingDirectory,
      env: { ...process.env, [START_VARIABLE]: JSON.stringify(message) },
      // PostgreSQL's logging collector waits until nobody has its pipe any more; and a session of its own keeps away the
      // signals for PostgreSQL's process groups.
      stdio: 'ignore',
      detached: true,
    })
    child.on('error', () => undefined)
    child.unref()
  } catch {
    // The next call tries again.
  }
}

async function segmentAt(fileName: string, targetPath: string): Promise<PrefetcherStart['delivered']> {
  const size = isWalFileName(fileName) ? await nodeDisk.size(targetPath) : undefined
  return size !== undefined && isWalSegmentSize(size) ? { name: fileName, walSegmentSize: size } : undefined
}
