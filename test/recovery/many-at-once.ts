import { expect } from 'vitest'
import { upTo, type LostCluster } from '../support/recovery/archived-cluster.ts'
import { restoreCommandLine, startRecovery, untilPromoted } from '../support/recovery/recover.ts'
import { readRows } from '../support/recovery/row-history.ts'

/** Recovers so many copies of a cluster at the same time. */
export async function expectManyAtOnce(lost: LostCluster, args: string, count: number): Promise<void> {
  await using started = new AsyncDisposableStack()
  const command = restoreCommandLine(args)
  const servers = await Promise.all(
    Array.from({ length: count }, async () => started.use(await startRecovery(lost, { command }))),
  )
  for (const server of servers) {
    expect(await untilPromoted(server, 120_000)).toBe(2)
    expect(await readRows(server)).toEqual(upTo(lost.finishedRows))
  }
}
