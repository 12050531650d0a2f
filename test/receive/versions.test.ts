import { expect, it } from 'vitest'
import { EMBEDDED_VERSIONS } from '../support/postgres-binaries.ts'
import { startCluster } from '../support/postgres-cluster.ts'
import { ReceivedDirectory } from '../support/received-directory.ts'
import { finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { runWalr, startWalr } from '../support/walr-process.ts'

it.each(EMBEDDED_VERSIONS)('receives from PostgreSQL %i with segments of 1 MB and of 16 MB', async (version) => {
  for (const walSegmentSizeMb of [1, 16]) {
    await using cluster = await startCluster({ version, walSegmentSizeMb })
    const connection = ['-S', 'ours', '-d', cluster.conninfo()]
    const created = await runWalr(['receive', '--create-slot', ...connection])
    expect(created).toMatchObject({ exitCode: 0 })
    await using ours = new ReceivedDirectory()
    await using walr = startWalr(['receive', '-D', ours.path, ...connection])
    // before 15 the server cannot tell where a slot begins, so the start is the current segment
    const open = await cluster.text('select pg_walfile_name(pg_current_wal_lsn())')
    await ours.untilPresent(`${open}.partial`)
    const last = await finishSegments(cluster, 2)
    await ours.untilPresent(last)
    for (const name of ours.segments) expect(ours.read(name).equals(serverSegment(cluster, name)), name).toBe(true)
    expect(await walr.stop()).toBe(0)
    expect(await cluster.text('select count(*) from pg_replication_slots where active')).toBe('0')
  }
})
