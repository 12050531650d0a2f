import type { SystemError, SystemErrorCode } from '../errors/system-error.ts'
import { systemError } from '../errors/system-error.ts'

/** Operations by name; the `...Sync` forms of a file count as the same operation. `fileSize` is the size of an open file. */
export type OperationName =
  | 'open'
  | 'list'
  | 'size'
  | 'rename'
  | 'remove'
  | 'makeDirectory'
  | 'syncDirectory'
  | 'freeBytes'
  | 'stat'
  | 'link'
  | 'write'
  | 'read'
  | 'dataSync'
  | 'sync'
  | 'fileSize'
  | 'truncate'
  | 'close'

/** One operation and what it was called with, as far as tests want to know. */
export interface OperationDetails {
  readonly operation: OperationName
  readonly path: string
  /** Target of a rename, new name of a link. */
  readonly to?: string
  /** How a file was opened. */
  readonly how?: string
  readonly position?: number
  readonly length?: number
}

/** An operation in the order in which it was begun; `failed` when a rule made it fail. */
export interface Operation extends OperationDetails {
  readonly failed: boolean
}

/** Which operations a rule is for. */
export interface FaultMatch {
  readonly operation: OperationName
  /** Tested against the path (of a rename, the old one). */
  readonly pathPattern?: RegExp
  /** The first operation, of those that match, that the fault happens to; 1 is the first. */
  readonly nth?: number
  /** How many in a row; by default one when `nth` is given, and all otherwise. */
  readonly times?: number
}

/** What happens instead. */
export interface Fault {
  readonly error?: SystemErrorCode
  /** Waits first; a `...Sync` form blocks its thread. */
  readonly delayMs?: number
  /** For `write`: this many bytes are written before it fails, with ENOSPC when no error is given. */
  readonly shortWrite?: number
}

/** A fault that has been decided upon for one operation. */
export interface DueFault {
  readonly error: SystemError | undefined
  readonly delayMs: number | undefined
  readonly shortWrite: number | undefined
}

interface Rule {
  readonly match: FaultMatch
  readonly fault: Fault
  seen: number
}

/** The rules of a fault disk, shared with its open files, and the log of operations. */
export class FaultRules {
  readonly #rules: Set<Rule> = new Set<Rule>()
  #operations: Operation[] = []

  get operations(): readonly Operation[] {
    return this.#operations
  }

  forgetOperations(): void {
    this.#operations = []
  }

  add(match: FaultMatch, fault: Fault): () => void {
    const rule: Rule = { match, fault, seen: 0 }
    this.#rules.add(rule)
    return () => void this.#rules.delete(rule)
  }

  /** Logs an operation that begins now and tells what is to happen to it. */
  begin(details: OperationDetails): DueFault | undefined {
    const fault = this.#due(details)
    const code = fault?.error ?? (fault?.shortWrite === undefined ? undefined : 'ENOSPC')
    this.#operations.push({ ...details, failed: code !== undefined })
    if (!fault) return undefined
    const error = code === undefined ? undefined : systemError(code, details.operation, details.path)
    return { error, delayMs: fault.delayMs, shortWrite: fault.shortWrite }
  }

  /** Every rule counts what matches it, also when an earlier rule decides. */
  #due(details: OperationDetails): Fault | undefined {
    let due: Fault | undefined
    for (const rule of this.#rules) {
      const { operation, pathPattern, nth, times } = rule.match
      if (operation !== details.operation || pathPattern?.test(details.path) === false) continue
      rule.seen += 1
      const first = nth ?? 1
      const count = times ?? (nth === undefined ? Infinity : 1)
      if (rule.seen >= first && rule.seen < first + count) due ??= rule.fault
    }
    return due
  }
}
