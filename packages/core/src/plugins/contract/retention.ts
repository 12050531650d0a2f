/**
 * Decides which backups are kept. Pure and synchronous: the same input gives the same decisions, and nothing is read or
 * written. Core carries the plan out, and refuses one that removes the newest backup, a pinned one, or one that a kept one
 * is built on. WAL follows from the backups: what is kept needs its WAL from the first byte of the oldest kept backup on.
 */
export interface RetentionPolicy {
  /** @returns exactly one decision for each backup of the input, in any order. */
  plan(input: RetentionInput): readonly RetentionDecision[]
}

export interface RetentionInput {
  /** The moment for which the plan is made. A policy has no other clock. */
  readonly now: Date
  /** All complete backups, oldest end first. */
  readonly backups: readonly RetentionBackup[]
}

/** A complete backup. */
export interface RetentionBackup {
  readonly id: string
  readonly startedAt: Date
  /** From this moment on the database can be recovered with it. */
  readonly finishedAt: Date
  readonly timelineId: number
  /** The backup this incremental one is built on; undefined for a full backup. */
  readonly parentId: string | undefined
  /** Kept whatever a policy says. */
  readonly pinned: boolean
  /** In bytes, as stored. */
  readonly size: number
}

export interface RetentionDecision {
  readonly backupId: string
  readonly action: 'keep' | 'remove'
  /** One clause that an operator reads: `newest backup before the window of 7d begins`. */
  readonly reason: string
}
