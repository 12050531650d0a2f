import { expect } from 'vitest'
import type { Supply } from '../support/recovery/archive-place.ts'
import { upTo, type LostCluster } from '../support/recovery/archived-cluster.ts'
import { historyFiles, startRecovery, untilPromoted, untilRefused } from '../support/recovery/recover.ts'
import { RestoreGate } from '../support/recovery/restore-gate.ts'
import { readRows } from '../support/recovery/row-history.ts'

/** When recovery is left alone: before it starts, or while it waits for a file, or while that is being read. */
export const STAGES = [
  'before recovery',
  'at the first history file',
  'at the first segment',
  'in the middle of a segment',
  'at the last segment',
  'at the last history file',
] as const
export type Stage = (typeof STAGES)[number]

/** PostgreSQL asks for it first of all, and last. */
const NEXT_HISTORY = '00000002.history'

/** PostgreSQL must stop with FATAL, keep its state, and come to its end with all rows when it is started again. */
export async function expectToSurviveOutage(
  lost: LostCluster,
  { supply, args, stage }: { readonly supply: Supply; readonly args: string; readonly stage: Stage },
): Promise<void> {
  await using gate = new RestoreGate(args)
  if (stage === 'before recovery') await supply.takeAway()
  if (stage === 'in the middle of a segment') supply.cutIn?.(lost.row(4).segment)
  const stop = stopOf(lost, stage)
  if (stop !== undefined) gate.hold(stop)
  await using server = await startRecovery(lost, { command: gate.command })
  if (stop !== undefined) {
    await gate.untilHeld(stop)
    if (stage === 'at the last history file') {
      gate.hold(NEXT_HISTORY)
      gate.release(stop)
      await gate.untilHeld(NEXT_HISTORY)
    }
    await supply.takeAway()
    for (const name of [stop, NEXT_HISTORY]) gate.release(name)
  }
  await untilRefused(server)
  expect(historyFiles(server)).toEqual([])
  expect(gate.calls.at(-1)?.status).toBe(255)
  const answers = gate.calls.length

  await supply.bringBack()
  await server.start({ untilReady: false })
  expect(await untilPromoted(server), server.log).toBe(2)
  expect(await readRows(server)).toEqual(upTo(lost.finishedRows))
  expect(historyFiles(server)).toEqual([NEXT_HISTORY])
  // PostgreSQL was told of absence only when it was one.
  const later = gate.calls.slice(answers)
  expect(later.filter(({ status }) => status !== 0 && status !== 1)).toEqual([])
  const absent = gate.calls.filter(({ status }) => status === 1).map(({ name }) => name)
  expect(absent.filter((name) => name <= lost.lastSegment && name >= lost.firstSegment)).toEqual([])
}

/** The call at which the test steps in. */
function stopOf(lost: LostCluster, stage: Stage): string | undefined {
  switch (stage) {
    case 'before recovery':
    case 'in the middle of a segment':
      return undefined
    case 'at the first history file':
      return NEXT_HISTORY
    case 'at the first segment':
      return lost.firstSegment
    case 'at the last segment':
    case 'at the last history file':
      return lost.lastSegment
  }
}
