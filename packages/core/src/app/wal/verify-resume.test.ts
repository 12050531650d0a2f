import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { WalCatalogue } from '../../archive/wal-catalogue.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { toTimelineId } from '../../wal/timeline-id.ts'
import { CLUSTER, SEGMENT } from '../../wal/wal-bytes.fixture.ts'
import { VerifyResume } from './verify-resume.ts'

const catalogue = new WalCatalogue({ place: 'archive', systemIdentifier: CLUSTER, walSegmentSize: SEGMENT, id: 'one' })
const [timelineId, none] = [toTimelineId(1), { before: undefined, after: undefined }]
const piece = { timelineId, first: 1n, end: 3n, digest: 'ab', ...none }

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'walr-resume-'))
  path = join(folder, 'verified.json')
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})
const open = (): Promise<VerifyResume> => VerifyResume.open(nodeDisk, path, 'default', [catalogue])

it('gives back what was kept', async () => {
  const resume = await open()
  resume.add(catalogue, piece)
  expect(resume.isKept).toBe(false)
  expect(await resume.keep()).toBeUndefined()
  expect(resume.isKept).toBe(true)
  expect((await open()).earlier(catalogue, timelineId, 1n)).toEqual(piece)
})

it('says before the work that the file cannot be written', async () => {
  path = join(folder, 'absent', 'verified.json')
  await expect(open()).rejects.toMatchObject({ code: 'WALR_WRITE_FAILED' })
})

it('tells once of a file that can no longer be written, and throws nothing', async () => {
  path = join(folder, 'inner', 'verified.json')
  mkdirSync(join(folder, 'inner'))
  const resume = await open()
  rmSync(join(folder, 'inner'), { recursive: true })
  resume.add(catalogue, piece)
  await resume.saveInTime()
  expect(await resume.keep()).toMatchObject({ code: 'WALR_WRITE_FAILED' })
  expect(await resume.keep()).toBeUndefined()
  expect(resume.isKept).toBe(false)
})

interface Kept {
  readonly systems: readonly { readonly pieces: readonly object[] }[]
}

it.each<[string, (kept: Kept) => unknown]>([
  ['null', () => null],
  ['a text', () => 'walr wal verify'],
  ['no mode', (kept) => ({ ...kept, mode: 1 })],
  ['a system that is null', (kept) => ({ ...kept, systems: [null] })],
  ['a system without pieces', (kept) => ({ ...kept, systems: [{ ...kept.systems[0], pieces: undefined }] })],
  ['a system of a number', (kept) => ({ ...kept, systems: [{ ...kept.systems[0], systemIdentifier: 7 }] })],
  ['a piece that is null', (kept) => ({ ...kept, systems: [{ ...kept.systems[0], pieces: [null] }] })],
  ...[{ first: 1 }, { end: null }, { timelineId: '1' }].map((fault): [string, (kept: Kept) => unknown] => [
    `a piece with ${JSON.stringify(fault)}`,
    (kept) => ({
      ...kept,
      systems: [{ ...kept.systems[0], pieces: [{ ...kept.systems[0]?.pieces[0], ...fault }] }],
    }),
  ]),
])('refuses a file with %s', async (_, damage) => {
  const resume = await open()
  resume.add(catalogue, piece)
  await resume.keep()
  const kept = JSON.parse(readFileSync(path, 'utf8')) as Kept
  const damaged = JSON.stringify(damage(kept))
  writeFileSync(path, damaged)
  const what = expect.stringContaining('is no file that "walr wal verify --resume" has written') as string
  await expect(open()).rejects.toMatchObject({ code: 'WALR_USAGE', message: what })
  expect(readFileSync(path, 'utf8')).toBe(damaged)
})

it.each([
  ['of an earlier version', '"digest":"ab"', '"storedBytes":12'],
  ['without segments', '"end":"3"', '"end":"1"'],
  ['without a number', '"end":"3"', '"end":"x"'],
])('looks again at a piece %s', async (_, text, other) => {
  const resume = await open()
  resume.add(catalogue, piece)
  await resume.keep()
  const kept = readFileSync(path, 'utf8')
  expect(kept).toContain(text)
  writeFileSync(path, kept.replace(text, other))
  expect((await open()).earlier(catalogue, timelineId, 1n)).toBeUndefined()
})
