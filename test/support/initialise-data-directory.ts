import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { serverBinDirectory, type PostgresVersion } from './postgres-binaries.ts'
import { mustRun } from './run-program.ts'
import { makeScratch, scratchRoot, type Scratch } from './scratch.ts'
import { giveFreshSystemIdentifier } from './system-identifier.ts'
import { asUser, unprivilegedUser } from './unprivileged-user.ts'

/** The superuser of every cluster that the tests make. */
export const SUPERUSER = 'postgres'

let privateTemplates: Scratch | undefined

/** What `initdb` is asked for. */
export interface DataDirectoryKind {
  readonly version: PostgresVersion
  readonly walSegmentSizeMb: number
  readonly initdbArgs: readonly string[]
}

/** Makes `dataDirectory` as initdb would, from a template that is initdb'ed once a run, with its own system identifier. */
export async function initialiseDataDirectory(dataDirectory: string, kind: DataDirectoryKind): Promise<void> {
  await copyDataDirectory(await template(kind), dataDirectory)
  giveFreshSystemIdentifier(dataDirectory)
}

/** A copy of the data directory of a server that is not running, or that has been put into backup mode. */
export async function copyDataDirectory(from: string, to: string): Promise<void> {
  await mustRun('cp', ['-R', '--preserve=mode,timestamps', from, to], { cwd: '/', ...asUser(unprivilegedUser()) })
}

async function template(kind: DataDirectoryKind): Promise<string> {
  const key = [kind.version, kind.walSegmentSizeMb, ...kind.initdbArgs].join(' ')
  const place = join(templatesDirectory(), createHash('sha256').update(key).digest('hex').slice(0, 16))
  if (existsSync(place)) return place
  const building = mkdtempSync(join(templatesDirectory(), 'building-'))
  chmodSync(building, 0o777)
  const made = join(building, 'data')
  const args = ['-D', made, '-U', SUPERUSER, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  const size = `--wal-segsize=${kind.walSegmentSizeMb}`
  await mustRun(join(serverBinDirectory(kind.version), 'initdb'), [...args, size, ...kind.initdbArgs], {
    cwd: '/',
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    ...asUser(unprivilegedUser()),
  })
  try {
    renameSync(made, place)
  } catch (error) {
    if (!existsSync(place)) throw error // otherwise another test process was quicker, and its template is as good
  }
  rmSync(building, { recursive: true, force: true })
  return place
}

/** Shared by all test processes of a run when the runner made a scratch folder for it, else by those of this process. */
function templatesDirectory(): string {
  if (process.env['WALR_SCRATCH'] !== undefined) {
    const shared = join(scratchRoot(), 'templates')
    mkdirSync(shared, { recursive: true })
    chmodSync(shared, 0o711)
    return shared
  }
  privateTemplates ??= makeScratch('templates')
  return privateTemplates.path
}
