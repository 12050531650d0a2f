import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { loggerTo } from '../../telemetry/logger-to.ts'
import { CLUSTER, SEGMENT, segmentBytes, segmentName } from '../../wal/wal-bytes.fixture.ts'
import { findPlaces, listPlaces } from './wal-places.ts'
import { knownSystems } from './known-wal.ts'
import { Findings } from './verify-findings.ts'
import { verifyNames } from './verify-names.ts'
import { noteUnknown } from './verify-wal.ts'

const ALL = { timelineId: undefined, from: undefined, end: undefined }

it('misses no segment that moves from the directory to the archive during the listing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'walr-places-'))
  try {
    const context = contextIn(folder)
    const system = join(folder, 'archive', 'main', CLUSTER)
    const [wal, directory] = [join(system, 'wal', '00000001'), join(folder, 'received')]
    for (const path of [wal, directory, join(system, 'zzz')]) mkdirSync(path, { recursive: true })
    const identity = { format: 1, archiveId: 'one', systemIdentifier: CLUSTER, walSegmentSize: SEGMENT }
    writeFileSync(join(system, 'identity.json'), JSON.stringify(identity))
    writeFileSync(join(wal, segmentName(1)), segmentBytes(1))
    for (const number of [2, 3]) writeFileSync(join(directory, segmentName(number)), segmentBytes(number))
    // The count is told when these are listed, behind the segments.
    for (let number = 0; number < 1100; number += 1) writeFileSync(join(system, 'zzz', `${number}`), '')
    const storage = { use: 'local', path: join(folder, 'archive') }
    const configPath = join(folder, 'walr.json')
    writeFileSync(configPath, JSON.stringify({ cluster: 'main', archive: { storage } }))
    const places = await findPlaces({ configPath, directory }, context)
    let moves = 0
    const listed = await listPlaces(places, undefined, context, () => {
      moves += 1
      renameSync(join(directory, segmentName(2)), join(wal, segmentName(2)))
    })
    expect(moves).toBe(1)
    expect(listed.catalogues.map(({ owner }) => owner.place)).toEqual(['archive', `directory "${directory}"`])
    const findings = new Findings()
    for (const known of knownSystems(listed.catalogues)) verifyNames(known, ALL, findings)
    expect(findings.all.filter(({ severity }) => severity === 'missing')).toEqual([])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

it('takes an unfinished segment that is all there is for WAL, and for none that is wanted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'walr-places-'))
  try {
    writeFileSync(join(folder, `${segmentName(5)}.partial`), segmentBytes(5))
    const listed = await listPlaces({ archive: undefined, directory: folder }, undefined, contextIn(folder), () => {
      throw new Error('no archive is listed')
    })
    const verify = (wanted: object): Findings => {
      const findings = new Findings()
      noteUnknown(listed, findings)
      for (const known of knownSystems(listed.catalogues)) verifyNames(known, { ...ALL, ...wanted }, findings)
      return findings
    }
    expect(verify({}).all).toEqual([])
    expect(verify({ timelineId: 1 }).all).toEqual([])
    expect(verify({ timelineId: 2 }).all).toMatchObject([{ severity: 'missing', where: 'timeline 2' }])
    expect(verify({ from: 4n }).all).toMatchObject([{ severity: 'missing' }])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

function contextIn(workingDirectory: string): Parameters<typeof findPlaces>[1] {
  const logger = loggerTo(() => undefined)
  return { environment: {}, workingDirectory, logger, signal: new AbortController().signal }
}
