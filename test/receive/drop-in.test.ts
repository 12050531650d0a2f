import { expect, it } from 'vitest'
import { runTool, startTool } from '../support/pg-tools.ts'
import { startCluster } from '../support/postgres-cluster.ts'
import { ReceivedDirectory } from '../support/received-directory.ts'
import { createSlot, finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { startWalr } from '../support/walr-process.ts'

it('writes the files that pg_receivewal writes from the same server, byte by byte', async () => {
  await using cluster = await startCluster({ version: 15 })
  await createSlot(cluster, 'theirs')
  await createSlot(cluster, 'ours')
  await using theirs = new ReceivedDirectory()
  await using ours = new ReceivedDirectory()
  const connection = ['-d', cluster.conninfo()]
  await using pgReceivewal = startTool('pg_receivewal', ['-D', theirs.path, '-S', 'theirs', ...connection])
  await using walr = startWalr(['receive', '-D', ours.path, '-S', 'ours', ...connection])
  expect((await runTool('pgbench', ['-i', '-q'], { env: cluster.clientEnvironment })).exitCode).toBe(0)
  const last = await finishSegments(cluster, 5)
  await Promise.all([theirs.untilPresent(last), ours.untilPresent(last)])
  expect(await pgReceivewal.stop('SIGINT')).toBe(0)
  expect(await walr.stop('SIGINT')).toBe(0)

  expect(ours.segments).toEqual(theirs.segments)
  expect(ours.segments.length).toBeGreaterThan(10)
  for (const name of ours.segments) {
    expect(ours.read(name).equals(theirs.read(name)), name).toBe(true)
    expect(ours.mode(name)).toBe(theirs.mode(name))
  }
  expect(ours.names.filter((name) => name.endsWith('.partial'))).toEqual(
    theirs.names.filter((name) => name.endsWith('.partial')),
  )
})

it('stops with exit code 0 past --endpos, and keeps the open segment as .partial of full size', async () => {
  await using cluster = await startCluster({ version: 15 })
  await createSlot(cluster, 'ours')
  const finished = await finishSegments(cluster, 2)
  await cluster.exec('create table open_segment ()')
  const endLsn = await cluster.text('select pg_current_wal_flush_lsn()')
  await cluster.exec('create table beyond ()')
  await using ours = new ReceivedDirectory()
  const args = ['-D', ours.path, '-S', 'ours', '--endpos', endLsn, '--no-loop', '-d', cluster.conninfo()]
  await using walr = startWalr(['receive', ...args])
  expect(await walr.ended()).toBe(0)

  const open = await cluster.text('select pg_walfile_name($1)', [endLsn])
  expect(ours.names.at(-1)).toBe(`${open}.partial`)
  const partial = ours.read(`${open}.partial`)
  expect(partial.length).toBe(1_048_576)
  const endOffset = Number(await cluster.text(`select $1::pg_lsn - '0/0'::pg_lsn`, [endLsn])) % 1_048_576
  expect(partial.subarray(0, endOffset).equals(serverSegment(cluster, open).subarray(0, endOffset))).toBe(true)
  expect(ours.read(finished).equals(serverSegment(cluster, finished))).toBe(true)
})

it('makes files readable by the group when the data directory of the server is', async () => {
  await using cluster = await startCluster({ version: 15, initdbArgs: ['--allow-group-access'] })
  await createSlot(cluster, 'ours')
  await using ours = new ReceivedDirectory()
  await using walr = startWalr(['receive', '-D', ours.path, '-S', 'ours', '-d', cluster.conninfo()])
  const name = await finishSegments(cluster, 1)
  await ours.untilPresent(name)
  expect(ours.mode(name)).toBe(0o640)
  expect(await walr.stop()).toBe(0)
})
