import { describe, expect, it } from 'vitest'
import { toWalSegmentSize } from '../../packages/core/src/wal/wal-segment-size.ts'
import { startCluster } from '../support/postgres-cluster.ts'
import { makeScratch } from '../support/scratch.ts'
import { waitFor } from '../support/wait-for.ts'
import { ReceivedWal } from './received-wal.ts'
import { createSlot, standbyOf, startReceiver, untilFlushed } from './receiver.ts'
import { startTcpProxy, type Cut } from './tcp-proxy.ts'
import { writeWal } from './wal-load.ts'

const SEGMENT = toWalSegmentSize(1_048_576)

describe.concurrent('a network that fails', () => {
  it.each<{ cut: Cut; message: RegExp }>([
    { cut: 'reset', message: /connection to server was lost: Connection reset by peer/ },
    { cut: 'half-open', message: /nothing received from the server for \d+ s/ },
    { cut: 'black hole', message: /nothing received from the server for \d+ s/ },
  ])('costs a connection and no WAL ($cut)', async ({ cut, message }) => {
    await using cluster = await startCluster({
      version: 16,
      settings: { wal_sender_timeout: '2s', wal_keep_size: '1GB' },
    })
    await using proxy = await startTcpProxy(cluster.port)
    await using scratch = makeScratch('network')
    const received = new ReceivedWal(cluster, scratch.path, SEGMENT)
    await createSlot(cluster)
    await using walr = startReceiver(cluster, scratch.path, { settings: { port: String(proxy.port) } })
    await writeWal(cluster, 3)
    await untilFlushed(cluster)
    const before = await standbyOf(cluster)
    const linesBefore = walr.stderr.length
    proxy.cut(cut)
    await writeWal(cluster, 3)
    expect(await walr.waitForLine(/error: /, { from: linesBefore })).toMatch(message)
    await walr.waitForLine(/disconnected; waiting/, { from: linesBefore })
    const after = await waitFor('walr is back', async () => {
      const standby = await standbyOf(cluster)
      return standby?.pid !== before?.pid && standby
    })
    expect(after.pid).not.toBe(before?.pid)
    const end = await untilFlushed(cluster)
    expect(await walr.stop()).toBe(0)
    await received.prove(end)
  })

  it('that is cut again and again while WAL is fetched leaves no hole', async () => {
    await using cluster = await startCluster({ version: 14, settings: { wal_keep_size: '1GB' } })
    await using proxy = await startTcpProxy(cluster.port)
    await using scratch = makeScratch('network')
    await createSlot(cluster)
    await using walr = startReceiver(cluster, scratch.path, { settings: { port: String(proxy.port) } })
    for (let cut = 0; cut < 4; cut++) {
      const from = walr.stderr.length
      const writing = writeWal(cluster, 10)
      await walr.waitForLine(/finished segment at/, { from })
      proxy.cut('reset')
      await walr.waitForLine(/disconnected; waiting/, { from })
      await writing
    }
    const end = await untilFlushed(cluster)
    expect(await walr.stop()).toBe(0)
    await new ReceivedWal(cluster, scratch.path, SEGMENT).prove(end)
  })
})
