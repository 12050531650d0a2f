import type { RetentionBackup, RetentionDecision, RetentionInput, RetentionPolicy } from '@walr/core/plugin'

/** A fake policy: keeps the last backups, pinned ones, and what those are built on. */
export class KeepLastPolicy implements RetentionPolicy {
  readonly #count: number

  constructor(count: number) {
    this.#count = count
  }

  plan(input: RetentionInput): readonly RetentionDecision[] {
    const kept = new Map<string, string>()
    this.sorted(input)
      .slice(-this.#count)
      .forEach(({ id }) => kept.set(id, `one of the last ${this.#count} backups`))
    for (const { id, pinned } of input.backups) if (pinned) kept.set(id, 'pinned')
    this.keepParents(input.backups, kept)
    return input.backups.map(({ id }) => this.decide(id, kept.get(id)))
  }

  protected sorted({ backups }: RetentionInput): RetentionBackup[] {
    return backups.toSorted((a, b) => a.finishedAt.getTime() - b.finishedAt.getTime())
  }

  protected keepParents(backups: readonly RetentionBackup[], kept: Map<string, string>): void {
    const parents = new Map(backups.map(({ id, parentId }) => [id, parentId]))
    for (const id of kept.keys()) {
      const parentId = parents.get(id)
      if (parentId !== undefined && !kept.has(parentId)) kept.set(parentId, `"${id}" is built on it`)
    }
  }

  protected decide(backupId: string, reason: string | undefined): RetentionDecision {
    if (reason !== undefined) return { backupId, action: 'keep', reason }
    return { backupId, action: 'remove', reason: `not one of the last ${this.#count} backups` }
  }
}
