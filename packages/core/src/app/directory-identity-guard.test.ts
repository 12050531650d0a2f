import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { readIdentity } from '../wal/directory-identity.ts'
import { CLUSTER, SEGMENT } from '../wal/wal-bytes.fixture.ts'
import { parseSystemIdentifier } from '../wal/system-identifier.ts'
import { directoryIdentityGuard } from './directory-identity-guard.ts'

let directory: string
let disk: FaultDisk
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-guard-'))
  mkdirSync(join(directory, '.walr'))
  disk = new FaultDisk(nodeDisk)
})
afterEach(() => {
  rmSync(directory, { recursive: true })
})

const server = {
  systemIdentifier: CLUSTER,
  walSegmentSize: SEGMENT,
  serverVersion: '17.2',
}
const other = { ...server, systemIdentifier: parseSystemIdentifier('7301234567890123456') ?? expect.unreachable() }

describe('the identity of a receive directory', () => {
  it('is written once, and compared from then on', async () => {
    const guard = directoryIdentityGuard(disk, directory)
    await guard.check(server)
    await guard.keep(server)
    expect(await readIdentity(nodeDisk, directory)).toEqual(server)
    disk.forgetOperations()
    await guard.keep(server)
    expect(disk.operations).toEqual([])
    await expect(guard.check(other)).rejects.toMatchObject({ code: 'WALR_WRONG_CLUSTER' })
    await expect(directoryIdentityGuard(disk, directory).check(other)).rejects.toMatchObject({
      code: 'WALR_WRONG_CLUSTER',
    })
  })

  it('is written at the next connection when the first could not write it', async () => {
    const guard = directoryIdentityGuard(disk, directory)
    disk.on({ operation: 'write', nth: 1 }, { error: 'ENOSPC' })
    await guard.check(server)
    await expect(guard.keep(server)).rejects.toMatchObject({ code: 'WALR_DISK_FULL' })
    await guard.check(server)
    await guard.keep(server)
    expect(await readIdentity(nodeDisk, directory)).toEqual(server)
  })
})
