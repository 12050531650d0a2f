import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { prepareReplacement } from './file-replacement.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'walr-replacement-'))
  file = join(folder, 'file')
  writeFileSync(file, 'old')
  chmodSync(file, 0o640)
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

it('a file is replaced when it is committed and not before, behind links, with its mode', async () => {
  const link = join(folder, 'link')
  symlinkSync('file', link)
  const replacement = await prepareReplacement(link, (text) => `${text}, new`)
  expect(readFileSync(file, 'utf8')).toBe('old')
  await replacement?.commit()
  await replacement?.[Symbol.asyncDispose]()
  expect(readFileSync(file, 'utf8')).toBe('old, new')
  expect(statSync(file).mode & 0o777).toBe(0o640)
  expect(readlinkSync(link)).toBe('file')
  expect(readdirSync(folder).sort()).toEqual(['file', 'link'])
})

it('one that is not committed leaves nothing', async () => {
  const replacement = await prepareReplacement(file, () => 'new')
  await replacement?.[Symbol.asyncDispose]()
  expect(readdirSync(folder)).toEqual(['file'])
  expect(readFileSync(file, 'utf8')).toBe('old')
})

it('what somebody else has written meanwhile is not lost', async () => {
  const replacement = await prepareReplacement(file, () => 'new')
  writeFileSync(file, 'theirs')
  await expect(replacement?.commit()).rejects.toMatchObject({ code: 'WALR_CONFIG' })
  await replacement?.[Symbol.asyncDispose]()
  expect(readFileSync(file, 'utf8')).toBe('theirs')
  expect(readdirSync(folder)).toEqual(['file'])
})

it('without a change there is nothing to replace', async () => {
  expect(await prepareReplacement(file, (text) => text)).toBeUndefined()
})

it('a file that is not there is told', async () => {
  const absent = join(folder, 'absent')
  await expect(prepareReplacement(absent, () => 'new')).rejects.toThrow(
    `could not replace file "${absent}": No such file or directory`,
  )
})
