import { describe, expect, it } from 'vitest'
import { WalrError } from '../errors/walr-error.ts'
import { FakeConnection, serverError, type Rows } from './fake-connection.fixture.ts'
import { probeSlot } from './slot-probe.ts'

const SELECT = (name: string): string =>
  `SELECT restart_lsn, wal_status FROM pg_catalog.pg_replication_slots WHERE slot_name = '${name}'`
const probed = async (answer: Rows | Error): Promise<{ answer: unknown; closed: number }> => {
  const connection = new FakeConnection({ [SELECT('walr')]: answer })
  const result: unknown = await probeSlot('walr', () => Promise.resolve(connection)).catch((error: unknown) => error)
  return { answer: result, closed: connection.closed }
}

describe('a slot asked about by SQL', () => {
  it.each<[string, Rows, unknown]>([
    ['has lost its WAL', [['0/500000', 'lost']], { state: 'lost', restartLsn: undefined }],
    ['has lost its WAL and its position', [[null, 'lost']], { state: 'lost', restartLsn: undefined }],
    ['was never used', [[null, null]], { state: 'never-used', restartLsn: undefined }],
    ['keeps WAL', [['0/500000', 'reserved']], { state: 'reserved', restartLsn: 0x500000n }],
    ['still keeps WAL', [['0/500000', 'unreserved']], { state: 'reserved', restartLsn: 0x500000n }],
  ])('%s', async (_, rows, expected) => {
    expect(await probed(rows)).toEqual({ answer: expected, closed: 1 })
  })

  it('that does not exist is an error', async () => {
    expect(await probed([])).toMatchObject({ answer: { code: 'WALR_SLOT_MISSING' }, closed: 1 })
  })

  it('is unknown when no connection is allowed, or not the query', async () => {
    const unknown = { state: 'unknown', restartLsn: undefined }
    const refused = (): Promise<never> => Promise.reject(new WalrError('WALR_AUTHENTICATION_FAILED', 'no entry'))
    expect(await probeSlot('walr', refused)).toEqual(unknown)
    expect(await probed(serverError('42501', 'permission denied'))).toEqual({ answer: unknown, closed: 1 })
  })

  it('is not unknown when walr itself is at fault', async () => {
    expect(await probed(new TypeError('a fault'))).toMatchObject({ answer: { message: 'a fault' }, closed: 1 })
  })

  it('has its name in the query as a literal, whatever is in it', async () => {
    const connection = new FakeConnection({ [SELECT("a'' OR ''1")]: [[null, null]] })
    expect(await probeSlot("a' OR '1", () => Promise.resolve(connection))).toMatchObject({ state: 'never-used' })
  })
})
