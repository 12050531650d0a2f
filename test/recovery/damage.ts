import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { expect } from 'vitest'
import { MadeUpWal } from '../support/made-up-wal.ts'
import type { PostgresVersion } from '../support/postgres-binaries.ts'
import { copyLocalPlace, writeKeyFile, type LocalPlace } from '../support/recovery/archive-place.ts'
import type { LostCluster } from '../support/recovery/archived-cluster.ts'
import { makeOwnedFolder } from '../support/recovery/owned-files.ts'
import {
  historyFiles,
  readerArguments,
  restoreCommandLine,
  startRecovery,
  untilRefused,
} from '../support/recovery/recover.ts'

/** A copy of an archive in which something is wrong. */
export interface Damage {
  readonly what: string
  readonly archive: 'plain' | 'encrypted'
  /** The status for the segment, and for a history file that no intact archive has. */
  readonly answers: { readonly segment: 0 | 255; readonly history: 1 | 255 }
  /** @returns arguments of restore-command; those for the archive alone when nothing is returned. */
  readonly apply: (target: DamageTarget) => string | void
}

/** Where the damage is done. */
export interface DamageTarget {
  readonly place: LocalPlace
  readonly lost: LostCluster
  /** The segment that is damaged; whole ones follow. */
  readonly segment: string
  /** Its object. */
  readonly path: string
  /** Where the objects of this cluster are. */
  readonly root: string
}

/** The row in whose segment the damage is. */
export const DAMAGED_ROW = 4

const PAGE = 8192

export const DAMAGES: readonly Damage[] = [
  {
    what: 'the key is another one with another name',
    archive: 'encrypted',
    answers: { segment: 255, history: 1 },
    apply: ({ place }) => renameSync(writeKeyFile(place.folder, 'other.key'), place.keyFile),
  },
  {
    what: 'the key is another one with the same name',
    archive: 'encrypted',
    answers: { segment: 255, history: 1 },
    apply: ({ place }) => {
      writeKeyFile(place.folder)
    },
  },
  {
    what: 'one bit of the encrypted object is another one',
    archive: 'encrypted',
    answers: { segment: 255, history: 1 },
    apply: ({ path }) => turnBit(path, 0.5),
  },
  {
    what: 'one bit of the compressed object is another one',
    archive: 'plain',
    answers: { segment: 255, history: 1 },
    apply: ({ path }) => turnBit(path, 0.5),
  },
  {
    what: 'the encrypted object is cut',
    archive: 'encrypted',
    answers: { segment: 255, history: 1 },
    apply: ({ path }) => truncateSync(path, readFileSync(path).length >> 1),
  },
  {
    what: 'the compressed object is cut',
    archive: 'plain',
    answers: { segment: 255, history: 1 },
    apply: ({ path }) => truncateSync(path, readFileSync(path).length - 1),
  },
  {
    what: 'the object is empty',
    archive: 'plain',
    answers: { segment: 255, history: 1 },
    apply: ({ path }) => truncateSync(path, 0),
  },
  {
    what: 'the object holds the WAL of another cluster',
    archive: 'plain',
    answers: { segment: 255, history: 1 },
    apply: ({ path, segment, lost }) => writeFileSync(path, zstdCompressSync(foreignWal(lost.version, segment))),
  },
  {
    what: 'the object holds another segment',
    archive: 'plain',
    answers: { segment: 255, history: 1 },
    apply: ({ path, lost, segment }) => writeFileSync(path, readFileSync(path.replace(segment, lost.row(3).segment))),
  },
  {
    what: 'the object of another segment was renamed, although it is encrypted',
    archive: 'encrypted',
    answers: { segment: 255, history: 1 },
    apply: ({ path, lost, segment }) => writeFileSync(path, readFileSync(path.replace(segment, lost.row(3).segment))),
  },
  {
    what: 'the object holds too few bytes',
    archive: 'plain',
    answers: { segment: 255, history: 1 },
    apply: ({ path, segment, lost }) => {
      const wal = foreignWal(lost.version, segment, lost.systemIdentifier)
      writeFileSync(path, zstdCompressSync(wal.subarray(0, -PAGE)))
    },
  },
  {
    what: 'the object cannot be read',
    archive: 'plain',
    answers: { segment: 255, history: 1 },
    apply: ({ path }) => chmodSync(path, 0),
  },
  {
    what: 'the segment has an ending that no codec has',
    archive: 'plain',
    answers: { segment: 255, history: 1 },
    apply: ({ path }) => renameSync(path, path.replace(/\.zst$/, '.rot13')),
  },
  {
    what: 'the segment is missing, and later ones are there',
    archive: 'plain',
    answers: { segment: 255, history: 1 },
    apply: ({ path }) => rmSync(path),
  },
  {
    what: 'a history file is none',
    archive: 'plain',
    answers: { segment: 0, history: 255 },
    apply: ({ root }) => {
      mkdirSync(join(root, 'history'), { recursive: true })
      const path = join(root, 'history/00000002.history')
      writeFileSync(path, 'garbage\n')
    },
  },
  {
    what: 'the archive is empty',
    archive: 'plain',
    answers: { segment: 255, history: 255 },
    apply: ({ place }) => {
      rmSync(place.directory, { recursive: true })
      makeOwnedFolder(place.directory)
    },
  },
  {
    what: 'the archive is below another prefix',
    archive: 'plain',
    answers: { segment: 255, history: 255 },
    apply: ({ place }) =>
      readerArguments(place, { storage: { ...place.reader, path: makeOwnedFolder(join(place.directory, 'pg')) } }),
  },
  {
    what: 'the archive has another name for the cluster',
    archive: 'plain',
    answers: { segment: 255, history: 255 },
    apply: ({ place }) => readerArguments(place, { cluster: 'other' }),
  },
  {
    what: 'the archive is of another cluster',
    archive: 'plain',
    answers: { segment: 255, history: 255 },
    apply: ({ root }) => renameSync(root, join(root, '..', '7400000000000000001')),
  },
  {
    what: 'the identity of the archive is of another cluster',
    archive: 'plain',
    answers: { segment: 0, history: 255 },
    apply: ({ root, lost }) => {
      const path = join(root, 'identity.json')
      const text = readFileSync(path, 'utf8').replaceAll(lost.systemIdentifier, '7400000000000000001')
      writeFileSync(path, text)
    },
  },
  {
    what: 'the identity of the archive is gone',
    archive: 'plain',
    answers: { segment: 0, history: 255 },
    apply: ({ root }) => rmSync(join(root, 'identity.json')),
  },
  {
    what: 'the receive directory of the configuration is not there',
    archive: 'plain',
    answers: { segment: 0, history: 255 },
    apply: ({ place }) => readerArguments(place, { receiveDirectory: join(place.folder, 'not-mounted') }),
  },
  {
    what: 'the receive directory of the configuration is an empty mount point',
    archive: 'plain',
    answers: { segment: 0, history: 255 },
    apply: ({ place }) => readerArguments(place, { receiveDirectory: makeOwnedFolder(join(place.folder, 'empty')) }),
  },
]

/** Makes a copy of the archive, with the damage. */
export async function damaged(
  { apply }: Damage,
  lost: LostCluster,
  original: LocalPlace,
): Promise<AsyncDisposable & { readonly args: string; readonly segment: string }> {
  const place = await copyLocalPlace(original)
  const { segment } = lost.row(DAMAGED_ROW)
  const root = join(place.directory, 'main', lost.systemIdentifier)
  const name = [`${segment}.zst`, `${segment}.zst.aes`].find((each) => existsSync(join(root, 'wal/00000001', each)))
  const path = join(root, 'wal/00000001', name ?? '')
  const args = apply({ place, lost, segment, path, root }) ?? readerArguments(place)
  return { args, segment, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() }
}

function turnBit(path: string, where: number): void {
  const bytes = readFileSync(path)
  const at = Math.floor(bytes.length * where)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 4, at)
  writeFileSync(path, bytes)
}

function foreignWal(version: PostgresVersion, segment: string, systemIdentifier = '7400000000000000001'): Buffer {
  if (version === 'debian') throw new Error('the version must be known')
  const lsn = BigInt(`0x${segment.slice(8, 16)}`) * 0x1_0000_0000n + BigInt(`0x${segment.slice(16)}`) * 0x10_0000n
  return new MadeUpWal({ majorVersion: version, systemIdentifier }).segment(lsn)
}

/** Recovers from a damaged archive: PostgreSQL must stop, and must not be promoted. */
export async function expectRefusedRecovery(damage: Damage, lost: LostCluster, original: LocalPlace): Promise<void> {
  await using copy = await damaged(damage, lost, original)
  await using server = await startRecovery(lost, { command: restoreCommandLine(`${copy.args} --timeout=1s`) })
  await untilRefused(server)
  expect(historyFiles(server)).toEqual([])
}
