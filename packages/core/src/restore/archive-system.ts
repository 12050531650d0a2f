import { readArchiveIdentity, type ArchiveIdentity } from '../archive/archive-identity.ts'
import { ArchiveLayout } from '../archive/archive-layout.ts'
import type { CodecPipeline } from '../codec/codec-pipeline.ts'
import { WalrError } from '../errors/walr-error.ts'
import type { Storage } from '../plugins/contract/index.ts'
import { parseSystemIdentifier, type SystemIdentifier } from '../wal/system-identifier.ts'

/** An archive that can be read. */
export interface OpenArchive {
  readonly storage: Storage
  readonly codecs: CodecPipeline
  readonly cluster: string
}

/** So many are named in a message. */
const MOST_SYSTEMS = 8

/** One system's part of an archive. What was found out about it is kept; what failed is asked for again. */
export class ArchiveSystem {
  readonly #archive: OpenArchive
  #systemIdentifier: SystemIdentifier | undefined
  #identity: ArchiveIdentity | undefined

  /** @param systemIdentifier undefined when nobody knows it: then it is the archive's only one. */
  constructor(archive: OpenArchive, systemIdentifier: SystemIdentifier | undefined) {
    this.#archive = archive
    this.#systemIdentifier = systemIdentifier
  }

  /** Of the segments, as far as the archive has said it already. */
  get knownIdentity(): ArchiveIdentity | undefined {
    return this.#identity
  }

  /**
   * Whose WAL is looked for.
   * @throws WalrError WALR_USAGE when there are several, WALR_ARCHIVE_REFUSED when there is none; StorageError.
   */
  async systemIdentifier(signal: AbortSignal): Promise<SystemIdentifier> {
    if (this.#systemIdentifier !== undefined) return this.#systemIdentifier
    const [only, ...others] = await this.#systems(signal)
    const { cluster } = this.#archive
    if (only === undefined) {
      throw new WalrError('WALR_ARCHIVE_REFUSED', `the archive has nothing of a cluster "${cluster}"`, {
        hint: 'Check the setting "cluster", and prefix, bucket or path of archive.storage.',
      })
    }
    if (others.length > 0) {
      const names = [only, ...others].join(', ')
      throw new WalrError('WALR_USAGE', `the archive of "${cluster}" has WAL of several systems: ${names}`, {
        hint: 'Name one of them with --system-identifier, or run this in the data directory.',
      })
    }
    this.#systemIdentifier = only
    return only
  }

  async layout(signal: AbortSignal): Promise<ArchiveLayout> {
    return new ArchiveLayout(this.#archive.cluster, await this.systemIdentifier(signal))
  }

  /**
   * What the identity object says, or has said before; undefined when there is none.
   * @throws WalrError WALR_ARCHIVE_WRONG_CLUSTER and those of {@link systemIdentifier}; StorageError.
   */
  async identity(signal: AbortSignal): Promise<ArchiveIdentity | undefined> {
    return this.#identity ?? this.currentIdentity(signal)
  }

  /**
   * What the identity object says now: a volume may have been unmounted, or a bucket emptied, since it was read.
   * @throws WalrError WALR_ARCHIVE_REPLACED when it is another one than before, and as {@link identity}; StorageError.
   */
  async currentIdentity(signal: AbortSignal): Promise<ArchiveIdentity | undefined> {
    const systemIdentifier = await this.systemIdentifier(signal)
    const { storage, cluster } = this.#archive
    const layout = new ArchiveLayout(cluster, systemIdentifier)
    const identity = await readArchiveIdentity(storage, layout, systemIdentifier, signal)
    const before = this.#identity
    if (before !== undefined && identity !== undefined && before.archiveId !== identity.archiveId) {
      const text = `the archive has the id ${identity.archiveId}, and had ${before.archiveId} before`
      throw new WalrError('WALR_ARCHIVE_REPLACED', text, {
        hint: 'Was another volume mounted, or the archive begun anew? Start the recovery again when that is settled.',
      })
    }
    this.#identity ??= identity
    return identity
  }

  /** The error for an archive without an identity object (law 2). */
  async noIdentity(signal: AbortSignal): Promise<WalrError> {
    const systemIdentifier = await this.systemIdentifier(signal)
    const { identityKey } = await this.layout(signal)
    const others = await this.#systems(signal)
    if (others.length === 0 || others.includes(systemIdentifier)) {
      return new WalrError(
        'WALR_ARCHIVE_REFUSED',
        `the archive has no "${identityKey}": nobody can tell what is in it`,
        {
          hint: 'Check that its volume is mounted, and prefix, bucket and the setting "cluster". walr writes that object first.',
        },
      )
    }
    return new WalrError(
      'WALR_ARCHIVE_WRONG_CLUSTER',
      `the archive has WAL of the cluster ${others.join(', ')}, but ${systemIdentifier} is being recovered`,
      { hint: 'Name the archive of this cluster: prefix, bucket, or the setting "cluster".' },
    )
  }

  /** The systems that the archive has something of, one short listing for each. */
  async #systems(signal: AbortSignal): Promise<readonly SystemIdentifier[]> {
    const { storage, cluster } = this.#archive
    const prefix = `${cluster}/`
    const found: SystemIdentifier[] = []
    let startAfter: string | undefined
    while (found.length < MOST_SYSTEMS) {
      const key = await firstKey(storage, prefix, startAfter, signal)
      if (key === undefined) break
      const [name = '', ...rest] = key.slice(prefix.length).split('/')
      const systemIdentifier = rest.length > 0 ? parseSystemIdentifier(name) : undefined
      if (systemIdentifier !== undefined) found.push(systemIdentifier)
      // "0" is right behind "/": that skips everything in the folder.
      startAfter = rest.length > 0 ? `${prefix}${name}0` : key
    }
    return found
  }
}

async function firstKey(
  storage: Storage,
  prefix: string,
  startAfter: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const options = startAfter === undefined ? { signal } : { startAfter, signal }
  for await (const { key } of storage.list(prefix, options)) return key
  return undefined
}
