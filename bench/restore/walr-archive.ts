import {
  chownSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { cleanEnvironment } from '../../test/support/clean-environment.ts'
import { mustRun } from '../../test/support/run-program.ts'
import { makeScratch, type Scratch } from '../../test/support/scratch.ts'
import { walrCommandLine } from '../../test/support/stage-for-user.ts'
import { asUser, unprivilegedUser } from '../../test/support/unprivileged-user.ts'
import type { ArchiveTarget } from '../archive-target.ts'
import type { WalSample } from './wal-sample.ts'

/** An archive of walr's with the sample's WAL, and the configuration that opens it. */
export interface WalrArchive extends AsyncDisposable {
  readonly name: string
  readonly configFile: string
}

/** In a folder, with zstd. */
export async function makeLocalArchive(sample: WalSample): Promise<WalrArchive> {
  const scratch = makeScratch('archive')
  mkdirSync(join(scratch.path, 'archive'))
  return await fill(sample, scratch, 'a folder', [
    'archive:',
    '  storage: { use: local, path: archive }',
    '  codecs: [zstd]',
  ])
}

/** On the S3 server, with zstd and AES-256-GCM. */
export async function makeS3Archive(sample: WalSample, target: ArchiveTarget): Promise<WalrArchive> {
  const scratch = makeScratch('archive')
  const { yaml } = await target.prepare(scratch.path)
  return await fill(sample, scratch, 'S3', yaml)
}

async function fill(sample: WalSample, scratch: Scratch, name: string, yaml: readonly string[]): Promise<WalrArchive> {
  try {
    const configFile = join(scratch.path, 'walr.config.yaml')
    writeFileSync(configFile, `${yaml.join('\n')}\n`, { mode: 0o600 })
    giveToServer(scratch.path)
    await archiveAll(sample, configFile)
    return { name, configFile, [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose]() }
  } catch (error) {
    scratch.remove()
    throw error
  }
}

/** As PostgreSQL does: in a data directory, a call for each segment that is ready, the oldest first. */
async function archiveAll(sample: WalSample, configFile: string): Promise<void> {
  await using scratch = makeScratch('pgdata', 'server')
  const folder = scratch.path
  const statuses = join(folder, 'pg_wal/archive_status')
  mkdirSync(join(folder, 'global'))
  mkdirSync(statuses, { recursive: true })
  for (const name of ['global/pg_control', 'PG_VERSION']) copyFileSync(join(sample.base, name), join(folder, name))
  for (const name of sample.segments) {
    linkSync(join(sample.walDirectory, name), join(folder, 'pg_wal', name))
    writeFileSync(join(statuses, `${name}.ready`), '')
  }
  giveToServer(folder)
  const user = asUser(unprivilegedUser())
  const command = walrCommandLine(`archive-command --config "${configFile}"`)
  for (const name of sample.segments) {
    await mustRun('sh', ['-c', `${command} "pg_wal/${name}"`], { cwd: folder, env: cleanEnvironment(), ...user })
    renameSync(join(statuses, `${name}.ready`), join(statuses, `${name}.done`))
  }
}

/** PostgreSQL runs its commands as its own user. */
function giveToServer(path: string): void {
  const user = unprivilegedUser()
  if (!user || lstatSync(path).isSymbolicLink()) return
  chownSync(path, user.uid, user.gid)
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) giveToServer(join(path, name))
}
