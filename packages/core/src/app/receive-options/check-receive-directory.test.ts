import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../../disk/fault-disk.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { checkReceiveDirectory } from './check-receive-directory.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-check-'))
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

describe('a receive directory', () => {
  it('is accepted when it can be read', async () => {
    await expect(checkReceiveDirectory(nodeDisk, directory)).resolves.toBeUndefined()
  })

  it('is refused in the words of pg_receivewal otherwise', async () => {
    const refusal = async (path: string, disk = new FaultDisk(nodeDisk)): Promise<unknown> =>
      checkReceiveDirectory(disk, path).catch((error: unknown) => error)
    const file = join(directory, 'file')
    writeFileSync(file, '')
    const absent = join(directory, 'absent')
    expect(await refusal(absent)).toMatchObject({
      code: 'WALR_DIRECTORY',
      message: `could not open directory "${absent}": No such file or directory`,
    })
    expect(await refusal('')).toMatchObject({ message: 'could not open directory "": No such file or directory' })
    expect(await refusal(file)).toMatchObject({ message: `could not open directory "${file}": Not a directory` })
    const disk = new FaultDisk(nodeDisk)
    disk.on({ operation: 'list' }, { error: 'EACCES' })
    expect(await refusal(directory, disk)).toMatchObject({
      message: `could not open directory "${directory}": Permission denied`,
    })
  })
})
