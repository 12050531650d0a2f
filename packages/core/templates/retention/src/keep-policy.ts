import type { RetentionBackup, RetentionDecision, RetentionInput, RetentionPolicy } from '@walr/core/plugin'
import type { RetentionOptions } from './options.ts'

/**
 * Keeps the newest backups and all that are young. Put your own rules into {@link KeepPolicy.plan}: they may look at nothing
 * but their input, and have to give one decision for every backup. walr refuses a plan that removes the newest backup, one
 * that is pinned, or one that a kept one is built on.
 */
export class KeepPolicy implements RetentionPolicy {
  readonly #options: RetentionOptions

  constructor(options: RetentionOptions) {
    this.#options = options
  }

  plan({ now, backups }: RetentionInput): readonly RetentionDecision[] {
    const { keepLast, windowMs } = this.#options
    const reasons = new Map<string, string>()
    const newestFirst = backups.toSorted((a, b) => b.finishedAt.getTime() - a.finishedAt.getTime())
    for (const [index, { id, pinned, finishedAt }] of newestFirst.entries()) {
      if (index < keepLast) reasons.set(id, `one of the newest ${keepLast}`)
      else if (now.getTime() - finishedAt.getTime() < windowMs) reasons.set(id, 'inside the window')
      else if (pinned) reasons.set(id, 'pinned')
    }
    keepParents(backups, reasons)
    return backups.map(({ id }) => {
      const reason = reasons.get(id)
      if (reason !== undefined) return { backupId: id, action: 'keep', reason }
      return { backupId: id, action: 'remove', reason: `older than the window and not one of the newest ${keepLast}` }
    })
  }
}

/** An incremental backup is worth nothing without those that it is built on. */
function keepParents(backups: readonly RetentionBackup[], reasons: Map<string, string>): void {
  const parents = new Map(backups.map(({ id, parentId }) => [id, parentId]))
  // What is added to a map while it is iterated over is met later in the same iteration.
  for (const id of reasons.keys()) {
    const parentId = parents.get(id)
    if (parentId !== undefined && !reasons.has(parentId)) reasons.set(parentId, `${id} is built on it`)
  }
}
