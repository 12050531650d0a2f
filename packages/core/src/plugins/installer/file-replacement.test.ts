import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
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
  await (await replacement?.commit())?.settle()
  expect(readFileSync(file, 'utf8')).toBe('old, new')
  expect(statSync(file).mode & 0o777).toBe(0o640)
  expect(readlinkSync(link)).toBe('file')
  expect(readdirSync(folder).sort()).toEqual(['file', 'link'])
})

it('one that is not committed leaves nothing', async () => {
  await prepareReplacement(file, () => 'new')
  expect(readdirSync(folder)).toEqual(['file'])
  expect(readFileSync(file, 'utf8')).toBe('old')
})

it('what somebody else has written meanwhile is not lost', async () => {
  const replacement = await prepareReplacement(file, () => 'new')
  writeFileSync(file, 'theirs')
  await expect(replacement?.commit()).rejects.toMatchObject({ code: 'WALR_CONFIG' })
  expect(readFileSync(file, 'utf8')).toBe('theirs')
  expect(readdirSync(folder)).toEqual(['file'])
})

it('one that is taken back has what was there before, unless somebody else has written meanwhile', async () => {
  const committed = await (await prepareReplacement(file, () => 'new'))?.commit()
  await committed?.takeBack()
  expect(readFileSync(file, 'utf8')).toBe('old')
  expect(statSync(file).mode & 0o777).toBe(0o640)
  const other = await (await prepareReplacement(file, () => 'new'))?.commit()
  writeFileSync(file, 'theirs')
  await expect(other?.takeBack()).rejects.toMatchObject({ code: 'WALR_CONFIG' })
  expect(readFileSync(file, 'utf8')).toBe('theirs')
  expect(readdirSync(folder)).toEqual(['file'])
})

it('bytes that are not UTF-8 are refused with their line, and stay', async () => {
  const bytes = Buffer.concat([Buffer.from('\uFEFFcluster: x # é\n# M'), Buffer.from([0xfc]), Buffer.from('ller\n')])
  writeFileSync(file, bytes)
  const prepared = prepareReplacement(file, (text) => `${text}more`)
  await expect(prepared).rejects.toMatchObject({ code: 'WALR_CONFIG', message: 'it is not UTF-8 (line 2)' })
  expect(readFileSync(file).equals(bytes)).toBe(true)
  const text = '\uFEFFcluster: x # é \uFFFD\r\n'
  writeFileSync(file, text)
  await (await prepareReplacement(file, (before) => `${before}more`))?.commit()
  expect(readFileSync(file, 'utf8')).toBe(`${text}more`)
})

it('what processes that were killed have left is removed, and nothing else', async () => {
  const mine = `file.walr-${process.pid}-0123456789ab`
  const others = ['file.walr-999999999-mine', 'other.walr-999999999-0123456789ab', mine]
  for (const name of ['file.walr-999999999-0123456789ab', ...others]) writeFileSync(join(folder, name), 'a secret')
  expect(await prepareReplacement(file, (text) => text)).toBeUndefined()
  expect(readdirSync(folder).sort()).toEqual(['file', ...others].sort())
  utimesSync(join(folder, mine), 0, 0)
  await prepareReplacement(file, (text) => text)
  expect(existsSync(join(folder, mine))).toBe(false)
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
