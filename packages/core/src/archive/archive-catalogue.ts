import { isWalrError, WalrError } from '../errors/walr-error.ts'
import type { Storage, StoredObject } from '../plugins/contract/index.ts'
import { parseSystemIdentifier, type SystemIdentifier } from '../wal/system-identifier.ts'
import { readArchiveIdentity } from './archive-identity.ts'
import { parseArchiveKey } from './archive-key.ts'
import { ArchiveLayout } from './archive-layout.ts'
import { getSmallObject } from './small-object.ts'
import { WalCatalogue, type UnknownSystem } from './wal-catalogue.ts'

/** Where to look, and for whose WAL. */
export interface ArchiveToList {
  readonly storage: Storage
  readonly cluster: string
  /** Undefined: of all systems that the archive has something of. */
  readonly systemIdentifier: SystemIdentifier | undefined
}

export interface ArchiveListing {
  readonly catalogues: readonly WalCatalogue[]
  readonly unknown: readonly UnknownSystem[]
  /** Objects that are in the folder of the cluster, and of no system. */
  readonly foreignCount: number
}

/**
 * Lists an archive with one listing, and reads its small objects.
 * @param onObject told of each object, for a show of progress.
 * @throws StorageError when anything of it cannot be listed or read: never a shortened list.
 */
export async function listArchive(
  { storage, cluster, systemIdentifier }: ArchiveToList,
  signal: AbortSignal,
  onObject: () => void = () => undefined,
): Promise<ArchiveListing> {
  const catalogues: WalCatalogue[] = []
  const unknown: UnknownSystem[] = []
  let foreignCount = 0
  let folder = ''
  let current: WalCatalogue | undefined
  const prefix = systemIdentifier === undefined ? `${cluster}/` : `${cluster}/${systemIdentifier}/`
  for await (const { key, size, modifiedAt } of storage.list(prefix, { signal })) {
    onObject()
    const [, name = '', ...path] = key.split('/')
    const system = path.length === 0 ? undefined : parseSystemIdentifier(name)
    if (system === undefined) {
      foreignCount += 1
      continue
    }
    if (name !== folder) {
      folder = name
      const begun = await beginSystem(storage, cluster, system, signal)
      current = begun instanceof WalCatalogue ? begun : undefined
      if (begun instanceof WalCatalogue) catalogues.push(begun)
      else unknown.push({ systemIdentifier: system, error: begun })
    }
    if (current) await take(current, storage, key, path.join('/'), { size, modifiedAt }, signal)
  }
  return { catalogues, unknown, foreignCount }
}

async function beginSystem(
  storage: Storage,
  cluster: string,
  systemIdentifier: SystemIdentifier,
  signal: AbortSignal,
): Promise<WalCatalogue | WalrError> {
  const layout = new ArchiveLayout(cluster, systemIdentifier)
  try {
    const identity = await readArchiveIdentity(storage, layout, systemIdentifier, signal)
    if (identity) {
      const { walSegmentSize, archiveId } = identity
      return new WalCatalogue({ place: 'archive', systemIdentifier, walSegmentSize, id: archiveId })
    }
  } catch (error) {
    if (isWalrError(error)) return error
    throw error
  }
  return new WalrError(
    'WALR_ARCHIVE_REFUSED',
    `the archive has no "${layout.identityKey}": nobody can tell what is in it`,
    { hint: 'walr writes that object first, and refuses to recover from an archive without it. Put it back.' },
  )
}

async function take(
  catalogue: WalCatalogue,
  storage: Storage,
  key: string,
  rest: string,
  { size, modifiedAt }: Pick<StoredObject, 'size' | 'modifiedAt'>,
  signal: AbortSignal,
): Promise<void> {
  const object = parseArchiveKey(rest)
  switch (object.kind) {
    case 'identity':
      return
    case 'segment':
      if (!catalogue.addSegment(object.walFileName, object.suffixes, size, modifiedAt)) {
        catalogue.addOther('odd', key, size)
      }
      return
    case 'history':
      catalogue.addHistory(object.timelineId, await getSmallObject(storage, key, signal))
      return
    case 'gap':
      catalogue.addGap(object.startLsn, object.endLsn)
      catalogue.addOther('gap', key, size)
      return
    case 'partial': {
      const isSegment = catalogue.addUnfinished(object.walFileName, key, object.suffixes, size)
      catalogue.addOther(isSegment ? 'partial' : 'odd', key, size)
      return
    }
    case 'quarantine':
    case 'backup-history':
    case 'backup':
    case 'tail':
    case 'odd':
    case 'other':
      catalogue.addOther(object.kind, key, size)
  }
}
