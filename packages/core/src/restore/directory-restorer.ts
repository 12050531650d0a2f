import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { systemErrorText } from '../errors/system-error.ts'
import { isWalrError, WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { filesAmong } from '../wal/directory-files.ts'
import { refuseArchivedElsewhere } from './archived-elsewhere.ts'
import { proveOwnWal } from './directory-proof.ts'
import { findNewestPartial, isFollowed, segmentsAmong } from './newest-partial.ts'
import { copySegment } from './segment-copy.ts'
import { readSegmentOwner, type SegmentOwner } from './segment-owner.ts'
import { copyHistory, copyWhole } from './small-file-copy.ts'
import { findFinished, VanishedFile, type SourceFile } from './source-file.ts'
import type { WantedFile } from './wanted-file.ts'

/** What to restore, from where, to where. */
export interface RestoreRequest {
  readonly disk: Disk
  readonly logger: Logger
  /** The receive directory. */
  readonly directory: string
  /** Where PostgreSQL runs the command: its data directory. */
  readonly workingDirectory: string
  readonly wanted: WantedFile
  readonly targetPath: string
  readonly partial: 'auto' | 'never'
  /** Aborts reading and writing; nothing is delivered then. */
  readonly signal: AbortSignal
}

/** A finished segment's file changes its name once at most while it is looked for. */
const ATTEMPTS = 5

/**
 * Delivers one file out of a receive directory.
 * @returns `absent` only when the directory could be read, is this cluster's, and has no such file (law 2).
 * @throws WalrError, or the signal's reason, for everything else; nothing was delivered then.
 */
export async function restoreFromDirectory(request: RestoreRequest): Promise<'delivered' | 'absent'> {
  const owner = await readSegmentOwner(request.disk, request.directory, request.workingDirectory)
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    try {
      const outcome = (await deliverFinished(request, owner)) ?? (await deliverUnfinished(request, owner))
      if (outcome !== undefined) return outcome
    } catch (error) {
      if (!(error instanceof VanishedFile)) throw error
    }
  }
  throw new WalrError('WALR_DIRECTORY', `file "${request.wanted.name}" comes and goes in "${request.directory}"`, {
    hint: 'Another program seems to move files there.',
  })
}

/** Tries each finished copy; one good copy is enough. */
async function deliverFinished(request: RestoreRequest, owner: SegmentOwner): Promise<'delivered' | undefined> {
  const faults: WalrError[] = []
  for (const source of await findFinished(request.disk, request.directory, request.wanted.name)) {
    try {
      await copy(source, request, owner)
      for (const fault of faults) request.logger.warning(`${fault.message}; "${source.name}" was taken instead`)
      return 'delivered'
    } catch (error) {
      if (!isFaultOfFile(error)) throw error
      faults.push(error)
    }
  }
  if (faults[0] !== undefined) throw faults[0]
  return undefined
}

/** @returns undefined when the directory has changed meanwhile and is to be looked at again. */
async function deliverUnfinished(
  request: RestoreRequest,
  owner: SegmentOwner,
): Promise<'delivered' | 'absent' | undefined> {
  const { disk, directory, wanted } = request
  const names = await listNames(request)
  if (wanted.kind === 'segment' && request.partial === 'auto') {
    const source = await findNewestPartial(disk, directory, names, wanted.name)
    if (source !== undefined && (await copySegment(source, { ...request, owner, walFileName: wanted.name }))) {
      request.logger.info(`delivered unfinished segment "${source.name}"`)
      return 'delivered'
    }
  }
  await proveOwnWal(disk, directory, names, owner)
  // A segment that was finished while the directory was listed may be in the list under neither name.
  if ((await findFinished(disk, directory, wanted.name)).length > 0) return undefined
  await refuseArchivedElsewhere(request, names)
  if (wanted.kind === 'segment' && isFollowed(wanted.name, segmentsAmong(names))) {
    request.logger.warning(`segment ${wanted.name} is not in "${directory}", but later ones of its timeline are`)
  }
  return 'absent'
}

async function copy(source: SourceFile, request: RestoreRequest, owner: SegmentOwner): Promise<void> {
  const { wanted } = request
  switch (wanted.kind) {
    case 'segment':
      await copySegment(source, { ...request, owner, walFileName: wanted.name })
      return
    case 'partial':
      await copySegment(source, { ...request, owner, walFileName: wanted.walFileName })
      return
    case 'history':
      await copyHistory(source, wanted.timelineId, request)
      return
    case 'backup-history':
      await copyWhole(source, request)
      return
  }
}

async function listNames({ disk, directory, wanted }: RestoreRequest): Promise<ReadonlySet<string>> {
  const entries = await disk.list(directory).catch((cause: unknown) => {
    throw new WalrError('WALR_DIRECTORY', `could not read directory "${directory}": ${systemErrorText(cause)}`, {
      hint: 'Check that it is the receive directory, that it is mounted, and that this user may read it.',
      cause,
    })
  })
  const files = filesAmong(directory, entries)
  const other = entries.find(({ name, kind }) => kind !== 'file' && name.startsWith(wanted.name))
  if (other !== undefined) {
    const text = `"${join(directory, other.name)}" is not a file, or a link that leads nowhere`
    throw new WalrError('WALR_DIRECTORY', text)
  }
  return new Set(files)
}

function isFaultOfFile(error: unknown): error is WalrError {
  return isWalrError(
    error,
    'WALR_SEGMENT_CORRUPT',
    'WALR_WRONG_CLUSTER',
    'WALR_WRONG_SEGMENT_SIZE',
    'WALR_TIMELINE',
    'WALR_DIRECTORY',
  )
}
