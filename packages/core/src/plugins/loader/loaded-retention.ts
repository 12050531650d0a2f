import { WalrError } from '../../errors/walr-error.ts'
import type { RetentionDecision, RetentionInput, RetentionPolicy } from '../contract/index.ts'
import { reasonOf } from './plugin-faults.ts'
import { shownValue } from './shown-value.ts'

/**
 * A plugin's retention policy as core uses it: each backup of the input has exactly one decision, with a reason.
 * @throws WalrError WALR_PLUGIN when the policy throws, or its plan is none.
 */
export class LoadedRetention implements RetentionPolicy {
  readonly #inner: RetentionPolicy
  readonly #plugin: string

  constructor(inner: RetentionPolicy, plugin: string) {
    this.#inner = inner
    this.#plugin = plugin
  }

  plan(input: RetentionInput): readonly RetentionDecision[] {
    const decisions = this.#planned(input)
    const open = new Set(input.backups.map(({ id }) => id))
    for (const decision of decisions) {
      if (!isDecision(decision)) throw this.#fault(`decided ${shownValue(decision)}`)
      if (!open.delete(decision.backupId)) {
        throw this.#fault(`decided on backup "${decision.backupId}" twice, or without having been asked`)
      }
    }
    const [forgotten] = open
    if (forgotten !== undefined) throw this.#fault(`did not decide on backup "${forgotten}"`)
    return decisions.filter(isDecision)
  }

  #planned(input: RetentionInput): readonly unknown[] {
    let plan: unknown
    try {
      plan = this.#inner.plan(input)
    } catch (cause) {
      throw this.#fault(`failed: ${reasonOf(cause)}`, cause)
    }
    if (!Array.isArray(plan)) throw this.#fault(`answered ${typeof plan} where a list of decisions is expected`)
    return plan
  }

  #fault(text: string, cause?: unknown): WalrError {
    const message = `${this.#plugin}: the retention policy ${text}; nothing is removed`
    return new WalrError('WALR_PLUGIN', message, cause === undefined ? {} : { cause })
  }
}

function isDecision(value: unknown): value is RetentionDecision {
  if (typeof value !== 'object' || value === null) return false
  const { backupId, action, reason } = value as Partial<RetentionDecision>
  return typeof backupId === 'string' && (action === 'keep' || action === 'remove') && typeof reason === 'string'
}
