import { describe, expect, it } from 'vitest'
import { toLsn } from '../wal/lsn.ts'
import { StandbyStatus } from './standby-status.ts'

describe('a standby status update', () => {
  it('has the layout of the replication protocol', () => {
    const before = BigInt(Date.now())
    const bytes = new StandbyStatus().encode(toLsn(0x1_00000064n), undefined, true)
    expect(bytes).toHaveLength(34)
    expect(bytes.toString('latin1', 0, 1)).toBe('r')
    expect(bytes.readBigUInt64BE(1)).toBe(0x1_00000064n)
    const unixUs = bytes.readBigInt64BE(25) + 946_684_800_000_000n
    expect(unixUs / 1000n).toBeGreaterThanOrEqual(before)
    expect(unixUs / 1000n).toBeLessThanOrEqual(BigInt(Date.now()))
    expect(bytes[33]).toBe(1)
  })

  it('says nothing about what is flushed while nothing is, and never that anything is applied', () => {
    const bytes = new StandbyStatus().encode(toLsn(100n), undefined, false)
    expect([bytes.readBigUInt64BE(9), bytes.readBigUInt64BE(17), bytes[33]]).toEqual([0n, 0n, 0])
  })

  it('holds positions of 64 unsigned bits', () => {
    const bytes = new StandbyStatus().encode(toLsn(0xffff_ffff_ffff_ffffn), undefined, false)
    expect(bytes.readBigUInt64BE(1)).toBe(0xffff_ffff_ffff_ffffn)
  })

  it('of a later call has nothing of an earlier one', () => {
    const status = new StandbyStatus()
    status.encode(toLsn(0xffff_ffff_ffff_ffffn), undefined, true)
    const bytes = status.encode(toLsn(1n), undefined, false)
    expect([bytes.readBigUInt64BE(1), bytes.readBigUInt64BE(9), bytes[33]]).toEqual([1n, 0n, 0])
  })
})
