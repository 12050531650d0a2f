import { describe, expect, it } from 'vitest'
import { FakeConnection, serverError } from './fake-connection.fixture.ts'
import { createSlot, dropSlot, quoteSlotName, readSlot } from './replication-slot.ts'

const READ = 'READ_REPLICATION_SLOT "walr"'
const CREATE = 'CREATE_REPLICATION_SLOT "walr" PHYSICAL RESERVE_WAL'

describe('a replication slot', () => {
  it('has a name that the server’s grammar reads as one word', () => {
    expect(quoteSlotName('walr_1')).toBe('"walr_1"')
    expect(quoteSlotName('a"; DROP')).toBe('"a""; DROP"')
  })

  it('tells where it keeps WAL from, or that it keeps none', async () => {
    const kept = await readSlot(new FakeConnection({ [READ]: [['physical', '1/A000', '2']] }), 'walr')
    expect(kept).toEqual({ restartLsn: 0x1_0000_a000n, restartTimelineId: 2 })
    const none = await readSlot(new FakeConnection({ [READ]: [['physical', null, null]] }), 'walr')
    expect(none).toEqual({ restartLsn: undefined, restartTimelineId: undefined })
  })

  it('that does not exist is an error', async () => {
    for (const rows of [[[null, null, null]], []]) {
      await expect(readSlot(new FakeConnection({ [READ]: rows }), 'walr')).rejects.toMatchObject({
        code: 'WALR_SLOT_MISSING',
        message: 'replication slot "walr" does not exist',
      })
    }
  })

  it('is not asked about before PostgreSQL 15', async () => {
    const connection = new FakeConnection()
    connection.serverVersionNumber = 140_013
    expect(await readSlot(connection, 'walr')).toBeUndefined()
    expect(connection.queries).toEqual([])
  })

  it('is created so that it keeps WAL from then on', async () => {
    expect(await createSlot(new FakeConnection({ [CREATE]: [] }), 'walr', false)).toBe(true)
  })

  it('that exists already is fine only when that is allowed', async () => {
    const connection = new FakeConnection({ [CREATE]: serverError('42710', 'exists') })
    expect(await createSlot(connection, 'walr', true)).toBe(false)
    await expect(createSlot(connection, 'walr', false)).rejects.toMatchObject({ sqlState: '42710' })
  })

  it('that cannot be created for another reason is an error in any case', async () => {
    const connection = new FakeConnection({ [CREATE]: serverError('53400', 'all replication slots are in use') })
    await expect(createSlot(connection, 'walr', true)).rejects.toMatchObject({ sqlState: '53400' })
  })

  it('is dropped by its name', async () => {
    const connection = new FakeConnection({ 'DROP_REPLICATION_SLOT "walr"': [] })
    await dropSlot(connection, 'walr')
    expect(connection.queries).toEqual(['DROP_REPLICATION_SLOT "walr"'])
  })
})
