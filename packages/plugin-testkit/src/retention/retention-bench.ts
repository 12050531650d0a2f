import type { RetentionBackup, RetentionInput, RetentionPolicy } from '@walr/core/plugin'
import { madeUpInputs } from './made-up-backups.ts'
import type { RetentionHarness } from './retention-harness.ts'

/** A plan that was made, beside what it was made for. */
export interface MadePlan {
  readonly input: RetentionInput
  readonly isKept: (backup: RetentionBackup) => boolean
  /** For messages. */
  readonly name: string
}

/** A harness at work for one case. */
export class RetentionBench implements AsyncDisposable {
  readonly #harness: RetentionHarness

  constructor(harness: RetentionHarness) {
    this.#harness = harness
  }

  open(): Promise<RetentionPolicy> {
    return this.#harness.open()
  }

  /** Plans for all the made-up inputs. */
  async makePlans(): Promise<readonly MadePlan[]> {
    const policy = await this.open()
    return madeUpInputs().map((input, index) => {
      const kept = new Set(actions(policy, input).filter((line) => line.endsWith(' keep')))
      const isKept = ({ id }: RetentionBackup) => kept.has(`${id} keep`)
      return { input, isKept, name: `input ${index} (${input.backups.length} backups)` }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#harness.close()
  }
}

/** What a policy decides, sorted, without the reasons. */
export function actions(policy: RetentionPolicy, input: RetentionInput): readonly string[] {
  return policy
    .plan(input)
    .map(({ backupId, action }) => `${backupId} ${action}`)
    .sort()
}
