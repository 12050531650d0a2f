import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { makeFolders } from './made-folders.ts'

let home: string
let umask: number
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'walr-folders-'))
  umask = process.umask(0o077)
})
afterEach(() => {
  process.umask(umask)
  rmSync(home, { recursive: true, force: true })
})

it.each([
  [false, '700'],
  [true, '755'],
])(
  'folders of a data directory are for everybody, those above it when root makes them: %s',
  async (isForAll, above) => {
    const data = join(home, '.local/walr')
    const made = await makeFolders(data, join(data, 'plugins/walr-x'), isForAll)
    expect(made.map((path) => [path, (statSync(path).mode & 0o777).toString(8)])).toEqual([
      [join(data, 'plugins/walr-x'), '755'],
      [join(data, 'plugins'), '755'],
      [data, '755'],
      [join(home, '.local'), above],
    ])
  },
)
