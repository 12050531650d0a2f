import { lockDirectory, type DirectoryLock } from '../../disk/directory-lock.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { removeEmptyDirectory, removeTree } from '../../disk/remove-tree.ts'
import { isWalrError } from '../../errors/walr-error.ts'
import { setMark } from '../../restore/prefetch/mark-file.ts'
import {
  generationPattern,
  GENERATIONS,
  runningPlace,
  socketPattern,
  SOCKETS,
  unableMark,
  type PrefetchPlace,
} from '../../restore/prefetch/prefetch-place.ts'
import { PrefetcherLife, type PrefetcherContext } from './prefetcher-life.ts'
import type { PrefetcherStart } from './prefetcher-start.ts'

/** The one that had the place before may be ending, since it was started for other arguments. */
const LOCK_MS = 1000
const LOCK_RETRY_MS = 50

/**
 * Works as prefetcher in the working directory until nobody needs it any more, and removes its folder. Ends at once when
 * there is one already.
 */
export async function runPrefetcher(start: PrefetcherStart, context: PrefetcherContext): Promise<void> {
  const { generation } = start.place
  const running = await runningPlace(nodeDisk, process.cwd())
  if (running?.generation !== generation) return
  const lock = await lockGeneration(start)
  if (lock === undefined) return
  try {
    if ((await live(start, context)) === 'unable') await markUnable(start)
  } finally {
    await removeGeneration(generation)
    await lock.release()
  }
}

/** @returns `unable` also where it cannot look: `pg_stat_tmp` is not there, or is not to be read. */
async function live(start: PrefetcherStart, context: PrefetcherContext): Promise<'done' | 'unable'> {
  try {
    await removeOthers(start.place)
  } catch {
    return 'unable'
  }
  return new PrefetcherLife(start, context).live()
}

/** @returns undefined when another one has it. */
async function lockGeneration(start: PrefetcherStart): Promise<DirectoryLock | undefined> {
  const deadline = performance.now() + LOCK_MS
  for (;;) {
    try {
      await nodeDisk.makeDirectory(GENERATIONS)
      await nodeDisk.makeDirectory(start.place.generation)
      return await lockDirectory(start.place.generation)
    } catch (error) {
      const isTaken = isWalrError(error, 'WALR_DIRECTORY_LOCKED')
      // A folder that is being removed by its owner fails in other ways, too: later it does not.
      if (performance.now() >= deadline) {
        if (!isTaken) await markUnable(start)
        return undefined
      }
      await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS))
    }
  }
}

/** Of earlier runs of PostgreSQL in this data directory, and what was left of them. */
async function removeOthers({ generation, socket }: PrefetchPlace): Promise<void> {
  for (const { name } of await nodeDisk.list(GENERATIONS)) {
    const path = `${GENERATIONS}/${name}`
    if (generationPattern.test(name) && path !== generation) await removeTree(path).catch(() => undefined)
  }
  for (const { name } of await nodeDisk.list(SOCKETS)) {
    const path = `${SOCKETS}/${name}`
    if (socketPattern.test(name) && path !== socket) await nodeDisk.remove(path).catch(() => undefined)
  }
}

/** First to another name: from then on another one can have the place, and nothing of its files is removed. */
async function removeGeneration(generation: string): Promise<void> {
  const gone = `${generation}.gone-${process.pid}`
  try {
    await nodeDisk.rename(generation, gone)
    await removeTree(gone)
    await removeEmptyDirectory(GENERATIONS)
  } catch {
    // The next one removes it.
  }
}

/** Keeps restore-command from starting one after the other. */
async function markUnable({ place }: PrefetcherStart): Promise<void> {
  await setMark(nodeDisk, unableMark(place))
}
