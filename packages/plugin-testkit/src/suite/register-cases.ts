import type { ConformanceCase, ConformanceOptions, Deviation } from './conformance-case.ts'
import { within } from './deadline.ts'
import type { TestRunner } from './test-runner.ts'

/** A suite, ready to be registered. */
export interface ConformanceSuite<Bench extends AsyncDisposable> {
  readonly title: string
  readonly cases: readonly ConformanceCase<Bench>[]
  /** Makes what one case works with. It is disposed of when the case ends. */
  readonly makeBench: () => Promise<Bench>
}

const DEFAULT_TIMEOUT_MS = 30_000
/** How long making and closing a harness may take, on top of the case itself. */
const HARNESS_TIMEOUT_MS = 30_000

/**
 * Gives every case of a suite to a runner.
 * @throws Error when a deviation names no case of the suite, names one twice, or has no reason.
 */
export function registerCases<Bench extends AsyncDisposable>(
  runner: TestRunner,
  suite: ConformanceSuite<Bench>,
  options: ConformanceOptions,
): void {
  const deviations = checkDeviations(suite, options.deviations ?? [])
  runner.describe(suite.title, () => {
    for (const one of suite.cases) {
      const timeoutMs = Math.max(one.timeoutMs ?? DEFAULT_TIMEOUT_MS, options.timeoutMs ?? 0)
      const run = () => runCase(one, suite.makeBench, timeoutMs)
      const deviation = deviations.get(one.id)
      if (deviation === undefined) runner.it(`${one.id} ${one.law}`, run, timeoutMs + 2 * HARNESS_TIMEOUT_MS)
      else runner.it(`${one.id} deviates: ${one.law}`, () => expectFailure(run, deviation), timeoutMs * 3)
    }
    if (deviations.size > 0) runner.after(() => summarise(suite.title, [...deviations.values()], options.report))
  })
}

function checkDeviations<Bench extends AsyncDisposable>(
  suite: ConformanceSuite<Bench>,
  deviations: readonly Deviation[],
): ReadonlyMap<string, Deviation> {
  const known = new Map<string, Deviation>()
  for (const deviation of deviations) {
    const { caseId, reason } = deviation
    if (!suite.cases.some(({ id }) => id === caseId)) {
      throw new Error(`deviation "${caseId}" names no case of "${suite.title}"; the kit's README lists them all`)
    }
    if (known.has(caseId)) throw new Error(`deviation "${caseId}" is declared twice`)
    if (reason.trim() === '') throw new Error(`deviation "${caseId}" has no reason; write one for the plugin's users`)
    known.set(caseId, deviation)
  }
  return known
}

async function runCase<Bench extends AsyncDisposable>(
  one: ConformanceCase<Bench>,
  makeBench: () => Promise<Bench>,
  timeoutMs: number,
): Promise<void> {
  const bench = await within(HARNESS_TIMEOUT_MS, 'making the harness', makeBench())
  let failed: { readonly error: unknown } | undefined
  try {
    await within(timeoutMs, `case ${one.id}`, one.run(bench))
  } catch (error) {
    failed = { error }
  }
  try {
    await within(HARNESS_TIMEOUT_MS, 'closing the harness', bench[Symbol.asyncDispose]())
  } catch (error) {
    // What the case found says more than what went wrong behind it.
    failed ??= { error }
  }
  if (failed !== undefined) throw failed.error
}

async function expectFailure(run: () => Promise<void>, deviation: Deviation): Promise<void> {
  try {
    await run()
  } catch {
    return
  }
  throw new Error(`${deviation.caseId} passes: remove its deviation ("${deviation.reason}")`)
}

function summarise(title: string, deviations: readonly Deviation[], report = writeLine): void {
  report(`${title}: ${deviations.length} deviation${deviations.length === 1 ? '' : 's'}`)
  for (const { caseId, reason } of deviations) report(`  ${caseId} ${reason}`)
}

function writeLine(line: string): void {
  process.stdout.write(`${line}\n`)
}
