import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { systemError } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import { DiskRoom } from './disk-room.ts'
import { RecordingRoom, until } from './recording.fixture.ts'

const full = (code: 'ENOSPC' | 'EDQUOT' = 'ENOSPC'): Error => systemError(code, 'write', 'segment')
const failing = (times: number, error: Error): (() => Promise<string>) => {
  let calls = 0
  return () => {
    calls += 1
    return calls <= times ? Promise.reject(error) : Promise.resolve(`written at call ${calls}`)
  }
}

describe('room on a full disk', () => {
  it('is waited for: the write is repeated until it succeeds, and full and room are told once each', async () => {
    for (const code of ['ENOSPC', 'EDQUOT'] as const) {
      const { room, events } = new RecordingRoom(nodeDisk, tmpdir())
      expect(await room.repeat(failing(3, full(code)))).toBe('written at call 4')
      expect(events).toEqual(['full', 'room'])
    }
  })

  it('is waited for before the first try when the write has just failed', async () => {
    const { room, events, errors } = new RecordingRoom(nodeDisk, '/received')
    expect(await room.repeat(failing(0, full()), full())).toBe('written at call 1')
    expect(events).toEqual(['full', 'room'])
    expect(errors[0]).toMatchObject({
      code: 'WALR_DISK_FULL',
      message: 'no room in "/received": No space left on device',
    })
  })

  it('is not mentioned when a write succeeds at once', async () => {
    const { room, events } = new RecordingRoom(nodeDisk, tmpdir())
    await room.repeat(failing(0, full()))
    expect(events).toEqual([])
  })

  it('is no matter of other errors: they pass at once', async () => {
    const { room, events } = new RecordingRoom(nodeDisk, tmpdir())
    await expect(room.repeat(failing(1, systemError('EIO', 'write', 'segment')))).rejects.toMatchObject({ code: 'EIO' })
    expect(events).toEqual([])
  })

  it('is what an error of walr is about when its cause says so, but never a failed fsync', () => {
    expect(DiskRoom.isFull(new WalrError('WALR_WRITE_FAILED', 'no', { cause: full() }))).toBe(true)
    expect(DiskRoom.isFull(new WalrError('WALR_WRITE_FAILED', 'no'))).toBe(false)
    expect(DiskRoom.isFull(new WalrError('WALR_FSYNC_FAILED', 'no', { cause: full() }))).toBe(false)
    expect(DiskRoom.isFull(new Error('ENOSPC'))).toBe(false)
  })

  it('is no longer waited for after an abort', async () => {
    const recording = new RecordingRoom(nodeDisk, tmpdir())
    const waiting = recording.room.repeat(failing(1_000_000, full()))
    await until(() => recording.events.length > 0, 'the disk is full')
    recording.abort()
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
    expect(recording.events).toEqual(['full'])
  })

  it('for a whole segment is waited for, until so many bytes are free', async () => {
    const disk = new FaultDisk(nodeDisk)
    disk.setFreeBytes(1000)
    const { room, events, errors } = new RecordingRoom(disk, tmpdir())
    await room.ensure(1000)
    expect(events).toEqual([])
    const waiting = room.ensure(1001)
    await until(() => disk.operations.length > 3, 'it has looked more than once')
    expect(events).toEqual(['full'])
    expect(errors[0]?.message).toContain('1000 bytes are free, the next segment needs 1001')
    disk.setFreeBytes(1001)
    await waiting
    expect(events).toEqual(['full', 'room'])
  })

  it('for a whole segment is no longer waited for after an abort', async () => {
    const disk = new FaultDisk(nodeDisk)
    disk.setFreeBytes(0)
    const recording = new RecordingRoom(disk, tmpdir())
    const waiting = recording.room.ensure(1)
    await until(() => recording.events.length > 0, 'the disk is full')
    recording.abort()
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
  })
})
