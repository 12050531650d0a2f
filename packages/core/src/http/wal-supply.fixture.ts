import { WalrError } from '../errors/walr-error.ts'
import { OWNER, segment } from '../restore/segment.fixture.ts'
import { WalFetcher } from '../restore/wal-fetcher.ts'
import type { WalCopy, WalSource } from '../restore/wal-source.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { ServedWal, WalSupply } from './wal-supply.ts'

export const one = '000000010000000000000001'
export const two = '000000010000000000000002'
export const CHUNK = 65_536

/** A copy that counts what is done with it. */
export class MadeUpCopy implements WalCopy {
  readonly description: string
  readonly isUnfinished: boolean
  readonly size: undefined
  opened = 0
  closed = 0
  /** Chunks that were pulled. */
  pulled = 0
  /** Rejects when so many bytes have been given. */
  failAt: number | undefined
  failure: Error = new WalrError('WALR_OBJECT_CORRUPT', 'object "/secret/path" is cut')
  /** Awaited before each chunk. */
  gate: ((offset: number) => Promise<void>) | undefined
  #bytes: Buffer

  constructor(description: string, bytes: Buffer, isUnfinished = false) {
    this.description = description
    this.#bytes = bytes
    this.isUnfinished = isUnfinished
  }

  async *open(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    this.opened += 1
    // The next chunk takes the place of the one before.
    const borrowed = Buffer.alloc(CHUNK)
    try {
      for (let at = 0; at < this.#bytes.length; at += CHUNK) {
        signal.throwIfAborted()
        await this.gate?.(at)
        if (this.failAt !== undefined && at + CHUNK > this.failAt) break
        const chunk = this.#bytes.subarray(at, at + CHUNK)
        borrowed.fill(0xee)
        chunk.copy(borrowed)
        this.pulled += 1
        yield borrowed.subarray(0, chunk.length)
      }
      if (this.failAt !== undefined) throw this.failure
    } finally {
      this.closed += 1
    }
  }
}

/** A place with made-up copies. */
export class MadeUpSource implements WalSource {
  readonly description = 'made-up place'
  readonly copies = new Map<string, MadeUpCopy[]>()
  readonly open = new Map<string, MadeUpCopy>()
  readonly asked: string[] = []
  /** Segments that are missing before later ones. */
  readonly followed = new Set<string>()
  failure: Error | undefined

  /** One good copy of a segment. */
  addSegment(name: string): MadeUpCopy {
    return this.add(name, segment(name))
  }

  add(name: string, bytes: Buffer, description = `copy of ${name}`): MadeUpCopy {
    const copy = new MadeUpCopy(description, bytes)
    this.copies.set(name, [...(this.copies.get(name) ?? []), copy])
    return copy
  }

  async *finished({ name }: { readonly name: string }): AsyncGenerator<WalCopy, void, undefined> {
    this.asked.push(name)
    await Promise.resolve()
    if (this.failure) throw this.failure
    yield* this.copies.get(name) ?? []
  }

  isFollowed({ name }: { readonly name: string }): Promise<boolean> {
    return Promise.resolve(this.followed.has(name))
  }

  unfinished(name: string): Promise<WalCopy | undefined> {
    return this.failure ? Promise.reject(this.failure) : Promise.resolve(this.open.get(name))
  }
}

export function supplyOf(source: WalSource, logger: Logger): WalSupply {
  const served: ServedWal = {
    fetcher: new WalFetcher({ sources: [source], logger }),
    systemIdentifier: OWNER,
    identify: () => Promise.resolve(OWNER),
  }
  return { open: () => Promise.resolve(served) }
}
