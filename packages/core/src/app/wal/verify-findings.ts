import { EXIT_CODES } from '../../errors/exit-codes.ts'
import type { ErrorCode } from '../../errors/error-codes.ts'

/** From the worst to the least. `unchecked`: nobody knows. */
export type Severity = 'damaged' | 'missing' | 'unchecked' | 'warning'

/** Something that was found, for people and for programs. */
export interface Finding {
  readonly severity: Severity
  readonly code: ErrorCode | null
  /** `archive`, `directory "..."`, or both. */
  readonly place: string
  /** A segment, a range of them, an object. */
  readonly where: string
  /** Where in the WAL, as far as that can be said. */
  readonly lsn: string | null
  /** A clause. */
  readonly what: string
  /** What to do about it. */
  readonly remedy: string
}

const severities: readonly Severity[] = ['damaged', 'missing', 'unchecked', 'warning']

const exitStatuses: Readonly<Record<Severity, number>> = {
  damaged: EXIT_CODES.damaged,
  missing: EXIT_CODES.gap,
  unchecked: EXIT_CODES.failure,
  warning: EXIT_CODES.warning,
}

/** More of them are only counted. */
const MOST_FINDINGS = 10_000

/** What a verification has found so far. */
export class Findings {
  readonly #all: Finding[] = []
  readonly #counts: Record<Severity, number> = { damaged: 0, missing: 0, unchecked: 0, warning: 0 }

  add(finding: Omit<Finding, 'lsn' | 'code'> & Partial<Pick<Finding, 'lsn' | 'code'>>): void {
    this.#counts[finding.severity] += 1
    // The first of a kind is always kept.
    if (this.#all.length < MOST_FINDINGS || this.#counts[finding.severity] === 1) {
      this.#all.push({ lsn: null, code: null, ...finding })
    }
  }

  /** The worst first. */
  get all(): readonly Finding[] {
    return severities.flatMap((severity) => this.#all.filter((finding) => finding.severity === severity))
  }

  get counts(): Readonly<Record<Severity, number>> {
    return this.#counts
  }

  get count(): number {
    return severities.reduce((sum, severity) => sum + this.#counts[severity], 0)
  }

  /** Undefined when nothing was found. */
  get worst(): Severity | undefined {
    return severities.find((severity) => this.#counts[severity] > 0)
  }

  get exitStatus(): number {
    return this.worst === undefined ? EXIT_CODES.success : exitStatuses[this.worst]
  }
}
