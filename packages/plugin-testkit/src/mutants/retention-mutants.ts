import type { RetentionBackup, RetentionDecision, RetentionInput, RetentionPolicy } from '@walr/core/plugin'
import { KeepLastPolicy } from '../keep-last-policy.fixture.ts'

const YEAR_MS = 31_536_000_000

/** A policy that breaks one law, and the cases that have to find it: these and no others. */
export interface RetentionMutant {
  readonly breaks: string
  readonly fails: readonly string[]
  readonly make: (count: number) => RetentionPolicy
}

class ForgetsOne extends KeepLastPolicy {
  override plan(input: RetentionInput): readonly RetentionDecision[] {
    const decisions = super.plan(input)
    const forgotten = decisions.findIndex(({ action }) => action === 'remove')
    return decisions.filter((_, index) => index !== forgotten)
  }
}

class CountsItsPlans extends KeepLastPolicy {
  #count = 0
  override plan(input: RetentionInput): readonly RetentionDecision[] {
    const decisions = super.plan(input)
    return decisions.map((decision) => ({ ...decision, reason: `${decision.reason}, plan ${++this.#count}` }))
  }
}

class MovesNow extends KeepLastPolicy {
  override plan(input: RetentionInput): readonly RetentionDecision[] {
    input.now.setTime(input.now.getTime() + 1)
    return super.plan(input)
  }
}

class RemovesNewest extends KeepLastPolicy {
  protected override sorted(input: RetentionInput): RetentionBackup[] {
    return super.sorted(input).slice(0, -1)
  }
}

class IgnoresPins extends KeepLastPolicy {
  override plan(input: RetentionInput): readonly RetentionDecision[] {
    return super.plan({ now: input.now, backups: input.backups.map((backup) => ({ ...backup, pinned: false })) })
  }
}

class IgnoresParents extends KeepLastPolicy {
  protected override keepParents(): void {
    // This is the fault.
  }
}

class TrustsOrder extends KeepLastPolicy {
  protected override sorted({ backups }: RetentionInput): RetentionBackup[] {
    return [...backups]
  }
}

class RefusesNothing extends KeepLastPolicy {
  override plan(input: RetentionInput): readonly RetentionDecision[] {
    if (input.backups.length === 0) throw new Error('there are no backups')
    return super.plan(input)
  }
}

class HasItsOwnClock extends KeepLastPolicy {
  readonly #startedAt = Date.now()
  protected override sorted(input: RetentionInput): RetentionBackup[] {
    const sorted = super.sorted(input)
    const isLate = Date.now() > this.#startedAt + YEAR_MS
    return isLate ? sorted.slice(-1) : sorted
  }
}

class GivesNoReason extends KeepLastPolicy {
  protected override decide(backupId: string, reason: string | undefined): RetentionDecision {
    const decision = super.decide(backupId, reason)
    return decision.action === 'keep' ? decision : { ...decision, reason: '' }
  }
}

/** Mutants of the policy that keeps the last backups. */
export const retentionMutants: readonly RetentionMutant[] = [
  { breaks: 'forgets one backup', fails: ['RET-01', 'RET-07'], make: (count) => new ForgetsOne(count) },
  { breaks: 'counts its plans', fails: ['RET-02', 'RET-09'], make: (count) => new CountsItsPlans(count) },
  { breaks: 'moves now', fails: ['RET-03'], make: (count) => new MovesNow(count) },
  { breaks: 'removes the newest', fails: ['RET-04'], make: (count) => new RemovesNewest(count) },
  { breaks: 'ignores pins', fails: ['RET-05'], make: (count) => new IgnoresPins(count) },
  { breaks: 'ignores parents', fails: ['RET-06'], make: (count) => new IgnoresParents(count) },
  { breaks: 'trusts the order', fails: ['RET-07'], make: (count) => new TrustsOrder(count) },
  { breaks: 'refuses nothing', fails: ['RET-08'], make: (count) => new RefusesNothing(count) },
  { breaks: 'has its own clock', fails: ['RET-09'], make: (count) => new HasItsOwnClock(count) },
  { breaks: 'gives no reason', fails: ['RET-10'], make: (count) => new GivesNoReason(count) },
]
