import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import {
  compareIdentity,
  IDENTITY_FILE,
  readIdentity,
  writeIdentity,
  type DirectoryIdentity,
} from './directory-identity.ts'
import { CLUSTER, OTHER_CLUSTER, SEGMENT } from './wal-bytes.fixture.ts'
import { toWalSegmentSize } from './wal-segment-size.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-identity-'))
  mkdirSync(join(directory, '.walr'))
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})
const identity: DirectoryIdentity = { systemIdentifier: CLUSTER, walSegmentSize: SEGMENT, serverVersion: '15.18' }
const path = (): string => join(directory, IDENTITY_FILE)

describe('the identity of a directory', () => {
  it('is nobody’s at first, and what was written afterwards', async () => {
    expect(await readIdentity(nodeDisk, directory)).toBeUndefined()
    await writeIdentity(nodeDisk, directory, identity)
    expect(await readIdentity(nodeDisk, directory)).toEqual(identity)
  })

  it('keeps all 64 bits of the system identifier', async () => {
    const systemIdentifier = '18446744073709551615' as typeof CLUSTER
    await writeIdentity(nodeDisk, directory, { ...identity, systemIdentifier })
    expect(readFileSync(path(), 'utf8')).toContain('"systemIdentifier": "18446744073709551615"')
    expect((await readIdentity(nodeDisk, directory))?.systemIdentifier).toBe(systemIdentifier)
  })

  it('is durable when it has been written', async () => {
    const disk = new FaultDisk(nodeDisk)
    await writeIdentity(disk, directory, identity)
    const order = disk.operations.map(({ operation }) => operation).filter((name) => /sync|rename/i.test(name))
    expect(order).toEqual(['sync', 'rename', 'syncDirectory'])
  })

  it.each([
    ['', 'Unexpected end of JSON input'],
    ['{', 'JSON'],
    ['[]', 'it is not an identity file of walr'],
    ['null', 'it is not an identity file of walr'],
    ['{"systemIdentifier": 7710455225707828463, "walSegmentSize": 1048576}', 'it is not an identity file of walr'],
    ['{"systemIdentifier": "7710455225707828463", "walSegmentSize": 1000000}', 'it is not an identity file of walr'],
    ['{"systemIdentifier": "x", "walSegmentSize": 1048576}', 'it is not an identity file of walr'],
  ])('cannot be read from %j, and is not taken for nobody’s', async (text, reason) => {
    writeFileSync(path(), text)
    await expect(readIdentity(nodeDisk, directory)).rejects.toMatchObject({
      code: 'WALR_DIRECTORY',
      message: expect.stringContaining(reason) as unknown,
    })
  })

  it('is not taken for nobody’s when the file cannot be read', async () => {
    await writeIdentity(nodeDisk, directory, identity)
    for (const operation of ['size', 'open', 'read'] as const) {
      const disk = new FaultDisk(nodeDisk)
      disk.on({ operation }, { error: 'EIO' })
      await expect(readIdentity(disk, directory)).rejects.toMatchObject({ code: 'WALR_DIRECTORY' })
    }
  })

  it('fits a server of another version, and no other cluster or segment size', () => {
    compareIdentity(directory, identity, { ...identity, serverVersion: '16.1' })
    expect(() => {
      compareIdentity(directory, identity, { ...identity, systemIdentifier: OTHER_CLUSTER })
    }).toThrow(
      `"${directory}" belongs to the cluster with system identifier ${CLUSTER}, the server's is ${OTHER_CLUSTER}`,
    )
    expect(() => {
      compareIdentity(directory, identity, { ...identity, walSegmentSize: toWalSegmentSize(2 * SEGMENT) })
    }).toThrow(expect.objectContaining({ code: 'WALR_WRONG_SEGMENT_SIZE' }))
  })
})
