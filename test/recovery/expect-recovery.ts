import { expect } from 'vitest'
import { upTo, type LostCluster } from '../support/recovery/archived-cluster.ts'
import {
  historyFiles,
  restoreCommandLine,
  startRecovery,
  targetSettings,
  untilPromoted,
  type TargetKind,
} from '../support/recovery/recover.ts'
import { readRows } from '../support/recovery/row-history.ts'

/** A recovery, and where it has to end. */
export interface ExpectedRecovery {
  /** Of restore-command. */
  readonly args: string
  readonly kind: TargetKind
  /** The last row before the target; what counts for `immediate` is the end of the backup. */
  readonly row: number
}

/** The rows that a recovery brings back, from finished segments alone. */
export function expectedRows(
  lost: LostCluster,
  { kind, row }: Pick<ExpectedRecovery, 'kind' | 'row'>,
): readonly number[] {
  switch (kind) {
    case 'immediate':
      return upTo(2) // the second was committed while the backup was taken
    case 'latest':
      return upTo(Math.max(row, lost.finishedRows))
    case 'time':
    case 'lsn':
    case 'xid':
    case 'name':
      return upTo(row)
  }
}

/** Recovers, and checks rows and timeline. */
export async function expectRecovery(lost: LostCluster, expected: ExpectedRecovery): Promise<void> {
  await using server = await startRecovery(lost, {
    command: restoreCommandLine(expected.args),
    settings: targetSettings(expected.kind, lost.row(expected.row)),
  })
  const timeline = await untilPromoted(server)
  expect(await readRows(server), server.log).toEqual(expectedRows(lost, expected))
  expect(timeline).toBe(2)
  expect(historyFiles(server)).toEqual(['00000002.history'])
}
