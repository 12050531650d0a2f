import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { commandComplete, readyForQuery, resultRow } from './backend-messages.ts'
import { MadeUpWal, PAGE_MAGIC } from './made-up-wal.ts'
import { startTool } from './pg-tools.ts'
import { startCluster } from './postgres-cluster.ts'
import { EMBEDDED_VERSIONS } from './postgres-binaries.ts'
import { makeScratch } from './scratch.ts'
import { startScriptedWalsender } from './scripted-walsender.ts'

const SEGMENT = 0x10_0000n

it('is taken for a server by pg_receivewal, which stores what the script sends and follows its timelines', async () => {
  const first = new MadeUpWal()
  const switchLsn = 0x50_2000n
  const wal = new MadeUpWal({ timelineId: 2, ancestors: [{ timelineId: 1, endLsn: switchLsn }] })
  await using walsender = await startScriptedWalsender({
    wal,
    flushLsn: 0x70_0000n,
    slots: { keep: 0x40_0123n },
    pace: { chunkBytes: 40_000 },
    answer: (sql) => (sql.startsWith('READ_REPLICATION_SLOT') ? slotOnFirstTimeline() : undefined),
    startReplication: async (session, { startLsn, timelineId }) => {
      await session.copyBoth()
      await session.notice({ message: 'in the middle' })
      if (timelineId === 1) {
        await session.sendWal(startLsn, first.read(startLsn, switchLsn))
        await session.copyDone()
        await session.clientCopyDone()
        await session.nextTimeline(2, switchLsn)
      } else {
        await session.sendWal(startLsn, wal.read(startLsn, 0x60_0000n + SEGMENT))
        await session.keepalive(0x70_0000n, { replyRequested: true })
      }
    },
  })
  await using scratch = makeScratch('fake')
  const directory = join(scratch.path, 'wal')
  mkdirSync(directory)
  await using receiver = startTool('pg_receivewal', ['-D', directory, '-S', 'keep', '-v', '-d', walsender.conninfo])
  await receiver.waitForLine(/finished segment at 0\/700000 \(timeline 2\)/)
  const session = await walsender.session()
  await session.status((update) => update.flushedLsn === 0x70_0000n)
  expect(await receiver.stop('SIGKILL')).toBe('SIGKILL')

  expect(readFileSync(join(directory, '000000010000000000000004'))).toEqual(first.segment(0x40_0000n))
  expect(readFileSync(join(directory, '000000020000000000000005'))).toEqual(wal.segment(0x50_0000n))
  expect(readFileSync(join(directory, '000000020000000000000006'))).toEqual(wal.segment(0x60_0000n))
  expect(readFileSync(join(directory, '00000002.history'), 'utf8')).toBe('1\t0/502000\tno recovery target specified\n')
  expect(session.parameters.get('replication')).toBe('true')
  expect(walsender.failures).toEqual([])
})

function slotOnFirstTimeline(): Buffer {
  const row = resultRow(['slot_type', 'restart_lsn', 'restart_tli'], ['physical', '0/400123', '1'])
  return Buffer.concat([row, commandComplete('READ_REPLICATION_SLOT'), readyForQuery()])
}

it.each(EMBEDDED_VERSIONS)('makes page headers like those of PostgreSQL %i', async (version) => {
  await using cluster = await startCluster({ version })
  const systemIdentifier = await cluster.text('select system_identifier::text from pg_control_system()')
  const name = await cluster.text('select pg_walfile_name(pg_current_wal_lsn())')
  const segment = readFileSync(join(cluster.dataDirectory, 'pg_wal', name))
  const startLsn = segment.readBigUInt64LE(8)
  const made = new MadeUpWal({ systemIdentifier, majorVersion: version }).segment(startLsn)
  expect(segment.readUInt16LE(0)).toBe(PAGE_MAGIC[version])
  expect(made.subarray(4, 16)).toEqual(segment.subarray(4, 16))
  expect(made.subarray(24, 40)).toEqual(segment.subarray(24, 40))
})
