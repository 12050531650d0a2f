/** One law of the contract, as a test. `Bench` is what the cases of a suite work with. */
export interface ConformanceCase<Bench> {
  /** Names the case for ever, such as `STOR-PUT-04`. */
  readonly id: string
  /** What holds when the case passes, in one sentence. */
  readonly law: string
  /** How long the case may take; 30 seconds when undefined. */
  readonly timeoutMs?: number
  readonly run: (bench: Bench) => Promise<void>
}

/** A case that a plugin is known not to pass. It is run all the same: once it passes, the deviation fails the run. */
export interface Deviation {
  readonly caseId: string
  /** Why, for whoever chooses the plugin; it is printed with the results. */
  readonly reason: string
}

/** Options of every suite. */
export interface ConformanceOptions {
  readonly deviations?: readonly Deviation[]
  /** Where the summary of deviations goes, line by line; standard output when undefined. */
  readonly report?: (line: string) => void
  /** The least time that each case gets, in milliseconds, for a service that is slow; every case has its own otherwise. */
  readonly timeoutMs?: number
}
