import type { ByteSource, PutConfirmation, PutOptions } from '@walr/core/plugin'
import { MEMORY_PART_BYTES } from '../memory-harness.fixture.ts'
import { MutantStorage, type StorageMutant } from './storage-mutant.ts'

const LONGER_THAN_A_PART = Math.floor(MEMORY_PART_BYTES * 1.2)
const SEVERAL_PARTS = Math.floor(MEMORY_PART_BYTES * 3.4) + 3

/** A source that calls `seen` with every chunk before it gives it on. */
function observed(source: ByteSource, seen: (chunk: Uint8Array) => void): ByteSource {
  async function* open(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source.open()) {
      seen(chunk)
      yield chunk
    }
  }
  return { size: source.size, open }
}

class KeepsBorrowedChunks extends MutantStorage {
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    const chunks: Uint8Array[] = []
    await super.put(
      key,
      observed(source, (chunk) => chunks.push(chunk)),
      options,
    )
    const { size, checksum } = this.place(key, chunks)
    return { size, checksum }
  }
}

class LeavesAbortedPart extends MutantStorage {
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    const chunks: Uint8Array[] = []
    try {
      return await super.put(
        key,
        observed(source, (chunk) => chunks.push(new Uint8Array(chunk))),
        options,
      )
    } catch (error) {
      if (options.signal.aborted && chunks.length > 0) this.place(key, chunks)
      throw error
    }
  }
}

class LeavesFailedPart extends MutantStorage {
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    const chunks: Uint8Array[] = []
    try {
      return await super.put(
        key,
        observed(source, (chunk) => chunks.push(new Uint8Array(chunk))),
        options,
      )
    } catch (error) {
      const sourceFailed = error instanceof Error && error.cause !== undefined
      if (sourceFailed && chunks.length > 0 && !options.signal.aborted && !this.has(key)) this.place(key, chunks)
      throw error
    }
  }
}

class SpoilsReplacedObject extends MutantStorage {
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    const before = this.has(key)
    try {
      return await super.put(key, source, options)
    } catch (error) {
      if (before && options.signal.aborted && key === 'wal/kept') this.place(key, [])
      throw error
    }
  }
}

class HidesSourceError extends MutantStorage {
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    try {
      return await super.put(key, source, options)
    } catch (error) {
      if (error instanceof Error && error.cause !== undefined && !options.signal.aborted) throw this.error('Permanent')
      throw error
    }
  }
}

class AcceptsShortSource extends MutantStorage {
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    let given = 0
    async function* open(): AsyncGenerator<Uint8Array> {
      for await (const chunk of source.open()) {
        given += chunk.length
        yield chunk
      }
      if (given < (source.size ?? 0)) yield new Uint8Array((source.size ?? 0) - given)
    }
    return super.put(key, { size: source.size, open }, options)
  }
}

class CutsLongSource extends MutantStorage {
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    let left = source.size ?? Infinity
    async function* open(): AsyncGenerator<Uint8Array> {
      for await (const chunk of source.open()) {
        yield chunk.subarray(0, left)
        left = Math.max(0, left - chunk.length)
      }
    }
    return super.put(key, { size: source.size, open }, options)
  }
}

class IgnoresIfAbsent extends MutantStorage {
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    return super.put(key, source, { ...options, ifAbsent: false })
  }
}

class ChecksThenWrites extends MutantStorage {
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    if (options.ifAbsent && this.has(key)) throw this.error('AlreadyExists')
    return super.put(key, source, { ...options, ifAbsent: false })
  }
}

class LeavesTailOfReplaced extends MutantStorage {
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    const before = this.bucket.objects.get(this.prefix + key)
    const confirmation = await super.put(key, source, options)
    const tail =
      before === undefined || before.size > 100 ? [] : before.pages.map((page) => page.slice(confirmation.size))
    if (tail.length > 0) this.place(key, [...(await Array.fromAsync(source.open())), ...tail])
    return confirmation
  }
}

class ConfirmsWrongChecksum extends MutantStorage {
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    const { size } = await super.put(key, source, options)
    return { size, checksum: { algorithm: 'crc32c', value: '00000000' } }
  }
}

class ShowsPartOfObject extends MutantStorage {
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    if (!options.ifAbsent || source.size !== LONGER_THAN_A_PART || this.has(key)) return super.put(key, source, options)
    const seen: Uint8Array[] = []
    const watch = observed(source, (chunk) => this.place(key, (seen.push(new Uint8Array(chunk)), seen.slice(0, 1))))
    return super.put(key, watch, { ...options, ifAbsent: false })
  }
}

class SharesOneBuffer extends MutantStorage {
  readonly #chunks: Uint8Array[] = []
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    if (!key.startsWith('wal/parallel')) return super.put(key, source, options)
    this.#chunks.length = 0
    const confirmation = await super.put(
      key,
      observed(source, (chunk) => this.#chunks.push(new Uint8Array(chunk))),
      options,
    )
    const { size, checksum } = this.place(key, this.#chunks)
    return size === confirmation.size ? confirmation : { size, checksum }
  }
}

class LosesFourthPart extends MutantStorage {
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    const confirmation = await super.put(key, source, options)
    const object = this.bucket.objects.get(this.prefix + key)
    if (object?.size !== SEVERAL_PARTS) return confirmation
    this.bucket.objects.set(this.prefix + key, { ...object, pages: object.pages.slice(0, 13) })
    return confirmation
  }
}

class MixesParallelPuts extends MutantStorage {
  #underWay = 0
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    if (key !== 'wal/mixed') return super.put(key, source, options)
    this.#underWay++
    const confirmation = await super.put(key, source, options)
    if (this.#underWay > 1)
      this.place(key, [...(await Array.fromAsync(source.open())).slice(0, 2), Buffer.from('mixed')])
    return confirmation
  }
}

class StopsAtEmptyChunk extends MutantStorage {
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    async function* open(): AsyncGenerator<Uint8Array> {
      for await (const chunk of source.open()) {
        if (chunk.length === 0) return
        yield chunk
      }
    }
    return super.put(key, { size: source.size, open }, options)
  }
}

class ReadsSourceOnce extends MutantStorage {
  readonly #readings = new WeakMap<ByteSource, AsyncIterable<Uint8Array>>()
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    const reading = this.#readings.get(source) ?? source.open()
    this.#readings.set(source, reading)
    return super.put(key, { size: source.size, open: () => reading }, options)
  }
}

/** Holds all of an object before it begins to store it. */
class HoldsObjectWhilePutting extends MutantStorage {
  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    const held: Uint8Array[] = []
    return super.put(
      key,
      observed(source, (chunk) => held.push(new Uint8Array(chunk))),
      options,
    )
  }
}

/** Mutants of put. */
export const putMutants: readonly StorageMutant[] = [
  { breaks: 'keeps chunks that are borrowed', fails: ['STOR-PUT-10'], make: KeepsBorrowedChunks },
  { breaks: 'stores what it had when it was aborted', fails: ['STOR-PUT-04', 'STOR-PUT-11'], make: LeavesAbortedPart },
  {
    breaks: 'stores what it had when the source failed',
    fails: ['STOR-PUT-06', 'STOR-PUT-15'],
    make: LeavesFailedPart,
  },
  { breaks: 'empties what an aborted put was to replace', fails: ['STOR-PUT-11'], make: SpoilsReplacedObject },
  { breaks: 'keeps the error of the source to itself', fails: ['STOR-PUT-06'], make: HidesSourceError },
  { breaks: 'fills up a source that is too short', fails: ['STOR-PUT-07'], make: AcceptsShortSource },
  { breaks: 'cuts off a source that is too long', fails: ['STOR-PUT-08'], make: CutsLongSource },
  { breaks: 'ignores ifAbsent', fails: ['STOR-PUT-03', 'STOR-RACE-01'], make: IgnoresIfAbsent },
  { breaks: 'calls it atomic to look and then write', fails: ['STOR-RACE-01'], make: ChecksThenWrites },
  { breaks: 'leaves the tail of what it replaces', fails: ['STOR-PUT-05'], make: LeavesTailOfReplaced },
  { breaks: 'confirms a checksum that it did not compute', fails: ['STOR-PUT-09'], make: ConfirmsWrongChecksum },
  { breaks: 'shows a part of an object', fails: ['STOR-PUT-14'], make: ShowsPartOfObject },
  { breaks: 'shares a buffer between puts', fails: ['STOR-PUT-13'], make: SharesOneBuffer },
  { breaks: 'loses the fourth part', fails: ['STOR-PUT-01', 'STOR-PUT-02'], make: LosesFourthPart },
  { breaks: 'mixes puts of one key', fails: ['STOR-RACE-02'], make: MixesParallelPuts },
  { breaks: 'takes an empty chunk for the end', fails: ['STOR-PUT-12'], make: StopsAtEmptyChunk },
  { breaks: 'goes on with a reading that was begun', fails: ['STOR-PUT-15'], make: ReadsSourceOnce },
  { breaks: 'holds all of an object while putting it', fails: ['STOR-MEM-01'], make: HoldsObjectWhilePutting },
]
