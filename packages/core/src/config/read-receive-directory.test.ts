import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readReceiveDirectory } from './read-receive-directory.ts'

let root: string
let file: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-config-'))
  file = join(root, 'walr.yaml')
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

describe('the receive directory of a file', () => {
  it.each([
    ['receive: { directory: /wal }', '/wal', false],
    [
      'receive: { directory: "${BASE}/wal" }\narchive: { storage: { use: local, secret: "${NOT_SET}" } }',
      '/base/wal',
      true,
    ],
    ['receive:', undefined, false],
    ['cluster: main', undefined, false],
    ['archive:', undefined, true],
  ])('is known from %j, and whether there may be an archive', async (content, directory, mayHaveArchive) => {
    writeFileSync(file, content)
    expect(await readReceiveDirectory(file, { BASE: '/base' })).toEqual({ directory, mayHaveArchive })
  })

  it('does not say whether there is an archive when the environment may have one', async () => {
    writeFileSync(file, 'cluster: main')
    const environment = { WALR_ARCHIVE_STORAGE_USE: 'local' }
    expect(await readReceiveDirectory(file, environment)).toMatchObject({ mayHaveArchive: true })
  })

  it('starts at the folder of the file when it is relative', async () => {
    writeFileSync(file, 'receive: { directory: wal }')
    expect(await readReceiveDirectory(file, {})).toMatchObject({ directory: join(root, 'wal') })
  })

  it.each([
    'receive: { directory: 5 }',
    'receive: { directory: "" }',
    'receive: { directory: "${NOT_SET}" }',
    'receive: [',
  ])('is refused in %j', async (content) => {
    writeFileSync(file, content)
    await expect(readReceiveDirectory(file, {})).rejects.toMatchObject({ code: 'WALR_CONFIG' })
    await expect(readReceiveDirectory(file, {})).rejects.toThrow(file)
  })
})
