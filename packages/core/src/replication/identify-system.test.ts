import { describe, expect, it } from 'vitest'
import { formatLsn } from '../wal/lsn.ts'
import { FakeConnection, type Rows } from './fake-connection.fixture.ts'
import { identifySystem, showFileMode, showWalSegmentSize, showWalSenderTimeoutMs } from './identify-system.ts'

const identify = (...row: (string | null)[]): ReturnType<typeof identifySystem> =>
  identifySystem(new FakeConnection({ IDENTIFY_SYSTEM: [row] }))
const showing = (name: string, value: string): FakeConnection => new FakeConnection({ [`SHOW ${name}`]: [[value]] })

describe('IDENTIFY_SYSTEM', () => {
  it('tells who the server is and how far it is', async () => {
    const identity = await identify('18446744073709551615', '4294967295', 'FFFFFFFF/10', null)
    expect(identity).toMatchObject({ systemIdentifier: '18446744073709551615', timelineId: 4_294_967_295 })
    expect(formatLsn(identity.flushLsn)).toBe('FFFFFFFF/10')
  })

  it.each<[(string | null)[]]>([
    [[null, '1', '0/0', null]],
    [['x', '1', '0/0', null]],
    [['1', '0', '0/0', null]],
    [['1', 'x', '0/0', null]],
    [['1', null, '0/0', null]],
    [['1', '1', '0', null]],
    [['1', '1']],
    [[]],
  ])('that answers %j is refused', async (row) => {
    await expect(identify(...row)).rejects.toMatchObject({ code: 'WALR_PROTOCOL' })
  })

  it('that answers without a row is refused', async () => {
    const connection = new FakeConnection({ IDENTIFY_SYSTEM: [] satisfies Rows })
    await expect(identifySystem(connection)).rejects.toMatchObject({ code: 'WALR_PROTOCOL' })
  })
})

describe('settings of the server', () => {
  it.each([
    ['0700', 0o600],
    ['0750', 0o640],
  ])('data_directory_mode %s gives files the mode %o', async (shown, mode) => {
    expect(await showFileMode(showing('data_directory_mode', shown))).toBe(mode)
  })

  it.each([
    ['0', 0],
    ['1500ms', 1500],
    ['10s', 10_000],
    ['1min', 60_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ])('wal_sender_timeout %s is %i ms', async (shown, timeoutMs) => {
    expect(await showWalSenderTimeoutMs(showing('wal_sender_timeout', shown))).toBe(timeoutMs)
  })

  it('wal_segment_size is a number of bytes, or an error', async () => {
    expect(await showWalSegmentSize(showing('wal_segment_size', '16MB'))).toBe(16_777_216)
    await expect(showWalSegmentSize(showing('wal_segment_size', '3MB'))).rejects.toMatchObject({
      code: 'WALR_WRONG_SEGMENT_SIZE',
    })
  })
})
