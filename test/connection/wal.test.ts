import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseLsn, toLsn } from '../../packages/core/src/wal/lsn.ts'
import { toTimelineId } from '../../packages/core/src/wal/timeline-id.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { CertificateAuthority, readCertificate } from './certificates.ts'
import { connectForTest } from './connect-for-test.ts'
import { RecordingSink } from './recording-sink.ts'

const SEGMENT = 1_048_576n

describe.each([13, 18] as const)('the WAL of PostgreSQL %d', (version) => {
  let scratch: Scratch
  let cluster: PostgresCluster
  let startLsn = 0n
  let endLsn = 0n
  let expected = ''

  beforeAll(async () => {
    scratch = makeScratch('wal')
    const authority = await CertificateAuthority.create(scratch.path, 'root')
    const server = readCertificate(await authority.issue('server', { commonName: 'localhost' }))
    cluster = await startCluster({
      version,
      start: false,
      settings: { ssl: 'on', ssl_cert_file: 's.crt', ssl_key_file: 's.key', wal_keep_size: '1GB', max_wal_size: '1GB' },
    })
    cluster.writeFile('s.crt', server.certificate)
    cluster.writeFile('s.key', server.key)
    await cluster.start()
    const flushed = async (): Promise<bigint> => parseLsn(await cluster.text('select pg_current_wal_flush_lsn()')) ?? 0n
    startLsn = ((await flushed()) / SEGMENT) * SEGMENT
    await cluster.exec("create table t as select g, repeat('x', 900) as filler from generate_series(1, 24000) g")
    await cluster.exec('select pg_switch_wal()')
    await cluster.exec('checkpoint')
    endLsn = ((await flushed()) / SEGMENT) * SEGMENT
    const hash = createHash('sha256')
    for (let lsn = startLsn; lsn < endLsn; lsn += SEGMENT) hash.update(readFileSync(segmentFile(lsn)))
    expected = hash.digest('hex')
  })
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]()
    scratch.remove()
  })

  function segmentFile(lsn: bigint): string {
    const number = (lsn / SEGMENT).toString(16).toUpperCase().padStart(8, '0')
    return join(cluster.dataDirectory, 'pg_wal', `0000000100000000${number}`)
  }

  describe.each(['plain TCP', 'TLS', 'a Unix socket'])('over %s', (transport) => {
    const place = (): string => {
      if (transport === 'a Unix socket') return cluster.conninfo({ host: cluster.socketDirectory })
      return cluster.conninfo({ sslmode: transport === 'TLS' ? 'require' : 'disable' })
    }

    it.each([
      ['at once', (): void => undefined],
      ['in turns', (): Promise<void> => nextTurn()],
    ] as const)('arrives as it stands in the server’s files when it is taken %s', async (_, pace) => {
      await using connection = await connectForTest(place())
      const wanted = Number(endLsn - startLsn)
      expect(wanted).toBeGreaterThan(20 * 1_048_576)
      const hash = createHash('sha256')
      let taken = 0
      const sink = new RecordingSink({ onWalData: pace, onReadEnd: pace })
      const onWalData = sink.onWalData.bind(sink)
      sink.onWalData = (bytes, offset, length): void | Promise<void> => {
        const mine = Math.min(length, wanted - taken)
        hash.update(bytes.subarray(offset, offset + mine))
        taken += mine
        if (taken === wanted) connection.sendCopyDone()
        return onWalData(bytes, offset, length)
      }
      const request = { slot: undefined, startLsn: toLsn(startLsn), timelineId: toTimelineId(1) }
      const end = await connection.startReplication(request, sink)
      expect(end.nextTimelineId).toBeUndefined()
      expect(hash.digest('hex')).toBe(expected)
      expect(sink.overlapCount).toBe(0)
      expect(sink.readEndCount).toBeGreaterThan(4)
      expect(await connection.query('IDENTIFY_SYSTEM')).toHaveLength(1)
    })
  })
})
