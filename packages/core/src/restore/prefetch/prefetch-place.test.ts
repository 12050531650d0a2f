import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { nodeDisk } from '../../disk/node-disk.ts'
import { prefetchArguments } from './prefetch-arguments.ts'
import { generationPattern, prefetchPlace, type PrefetchPlace } from './prefetch-place.ts'

let data: string
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'walr-place-'))
  mkdirSync(join(data, 'pg_wal'))
  postmaster(`${process.pid}\n/data\n1795315341\n5432\n`)
})
afterEach(() => rmSync(data, { recursive: true, force: true }))

const postmaster = (text: string): void => writeFileSync(join(data, 'postmaster.pid'), text)
const place = (target: string): Promise<PrefetchPlace | undefined> => prefetchPlace(nodeDisk, data, target)

it('is one for each run of a postmaster', async () => {
  const found = await place('pg_wal/RECOVERYXLOG')
  expect(found?.generation).toBe(`pg_wal/.walr/${process.pid}.1795315341`)
  expect(generationPattern.test(`${process.pid}.1795315341`)).toBe(true)
  expect(await place('pg_wal/RECOVERYHISTORY')).toEqual(found)
  expect(await place(join(data, 'pg_wal/RECOVERYXLOG'))).toEqual(found)
})

it('is none for pg_rewind and for people', async () => {
  for (const target of [
    'pg_wal/000000010000000000000001',
    '/tmp/RECOVERYXLOG',
    'RECOVERYXLOG',
    '../pg_wal/RECOVERYXLOG',
  ]) {
    expect(await place(target)).toBeUndefined()
  }
})

it.each([
  ['is empty', ''],
  ['ends early', `${process.pid}\n/data\n`],
  ['is of a single user', `-${process.pid}\n/data\n1795315341\n`],
  ['is of a process that has ended', '4194305\n/data\n1795315341\n'],
  ['leads elsewhere', '../1\n/data\n1795315341\n'],
])('is none when postmaster.pid %s', async (_what, text) => {
  postmaster(text)
  expect(await place('pg_wal/RECOVERYXLOG')).toBeUndefined()
})

it('is none when postmaster.pid is not there or cannot be read', async () => {
  rmSync(join(data, 'postmaster.pid'))
  expect(await place('pg_wal/RECOVERYXLOG')).toBeUndefined()
  symlinkSync('postmaster.pid', join(data, 'postmaster.pid'))
  expect(await place('pg_wal/RECOVERYXLOG')).toBeUndefined()
})

it('compares command lines without the names of files, wherever these stand', () => {
  const names = { fileName: 'F', targetPath: 'P' }
  const last = prefetchArguments(['-D', '/a', 'F', 'P'], names, { WALR_CONFIG: '/c' })
  expect(last.line).toBe('|/c|||-D|/a')
  const first = prefetchArguments(['F', 'P', '-D', '/a'], names, { WALR_CONFIG: '/c' })
  expect(first).toEqual({ identity: last.identity, line: undefined })
  expect(prefetchArguments(['-D', '/b', 'F', 'P'], names, {}).identity).not.toBe(last.identity)
  expect(prefetchArguments(['a|b', 'F', 'P'], names, {}).line).toBeUndefined()
  expect(prefetchArguments(['a|b', 'F', 'P'], names, {}).identity).not.toBe(
    prefetchArguments(['a', 'b', 'F', 'P'], names, {}).identity,
  )
})
