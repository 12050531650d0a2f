import {
  isStorageError,
  type GetOptions,
  type ListOptions,
  type OperationOptions,
  type ByteSource,
  type PutConfirmation,
  type PutOptions,
  type StorageCapabilities,
  type StoredObject,
} from '@walr/core/plugin'
import { MutantStorage, type StorageMutant } from './storage-mutant.ts'

/** Stores every key under another name that `name` makes of it. */
abstract class RenamesKeys extends MutantStorage {
  protected abstract name(key: string): string

  override put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    return super.put(this.name(key), source, options)
  }

  override get(key: string, options: GetOptions): Promise<AsyncIterable<Uint8Array>> {
    return super.get(this.name(key), options)
  }

  override async head(key: string, options: OperationOptions): Promise<StoredObject> {
    return { ...(await super.head(this.name(key), options)), key }
  }

  override delete(keys: readonly string[], options: OperationOptions): Promise<void> {
    return super.delete(
      keys.map((key) => this.name(key)),
      options,
    )
  }
}

class DecodesPercents extends RenamesKeys {
  protected override name(key: string): string {
    return key.replaceAll('%25', '%')
  }
}

class ComposesLetters extends RenamesKeys {
  protected override name(key: string): string {
    return key.startsWith('caf') ? key.normalize('NFC') : key
  }
}

class CutsLongKeys extends RenamesKeys {
  protected override name(key: string): string {
    return key.slice(0, 500)
  }
}

class IgnoresCase extends RenamesKeys {
  protected override name(key: string): string {
    return key === 'wal/A' ? 'wal/a' : key
  }
}

class DeletesNothingForOthers extends MutantStorage {
  override async delete(keys: readonly string[], options: OperationOptions): Promise<void> {
    await super.delete(
      keys.filter((key) => key !== 'wal/gone'),
      options,
    )
  }
}

class RefusesAbsentKeys extends MutantStorage {
  override async delete(keys: readonly string[], options: OperationOptions): Promise<void> {
    if (keys.includes('never/was/there')) throw this.error('NotFound')
    await super.delete(keys, options)
  }
}

class DeletesOnePage extends MutantStorage {
  override async delete(keys: readonly string[], options: OperationOptions): Promise<void> {
    await super.delete(keys.slice(0, 1000), options)
  }
}

class DeletesBelow extends MutantStorage {
  override async delete(keys: readonly string[], options: OperationOptions): Promise<void> {
    const below = [...this.bucket.objects.keys()].map((name) => name.slice(this.prefix.length))
    const more = below.filter((name) => keys.some((key) => name.startsWith(`${key}/`)))
    await super.delete([...keys, ...more], options)
  }
}

class IgnoresAbortedSignal extends MutantStorage {
  override head(key: string, options: OperationOptions): Promise<StoredObject> {
    return super.head(key, { ...options, signal: new AbortController().signal })
  }
}

class GoesOnAfterDisposal extends MutantStorage {
  override [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}

class RefusesSecondDisposal extends MutantStorage {
  #disposed = 0
  override async [Symbol.asyncDispose](): Promise<void> {
    // The kit itself disposes of every storage, often of one that was disposed of: that is not what is meant here.
    if (++this.#disposed === 3) throw this.error('Permanent')
    await super[Symbol.asyncDispose]()
  }
}

class WaitsInDisposal extends MutantStorage {
  #underWay: Promise<unknown> = Promise.resolve()
  override put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    const work = super.put(key, { size: source.size, open: () => endless(source) }, options)
    if (key === 'wal/under-way') this.#underWay = work
    return work
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.#underWay])
    await super[Symbol.asyncDispose]()
  }
}

/** Ends as if nothing had happened where the source is broken off. */
async function* endless(source: ByteSource): AsyncGenerator<Uint8Array> {
  try {
    yield* source.open()
  } catch (error) {
    if (error instanceof Error && error.message === 'the source was stopped') return
    throw error
  }
}

class ForgetsAtTheEnd extends MutantStorage {
  override async [Symbol.asyncDispose](): Promise<void> {
    this.bucket.objects.delete(`${this.prefix}wal/lasting`)
    await super[Symbol.asyncDispose]()
  }
}

class CallsOutageAbsence extends MutantStorage {
  override async get(key: string, options: GetOptions): Promise<AsyncIterable<Uint8Array>> {
    if (this.fault === 'unreachable') throw this.error('NotFound')
    return super.get(key, options)
  }
}

class CallsDenialAbsence extends MutantStorage {
  override async get(key: string, options: GetOptions): Promise<AsyncIterable<Uint8Array>> {
    if (this.fault === 'denied') throw this.error('NotFound')
    return super.get(key, options)
  }
}

class HasOddCapabilities extends MutantStorage {
  override readonly capabilities: StorageCapabilities = { ...this.base(), maxObjectBytes: 0 }

  private base(): StorageCapabilities {
    return { createIfAbsent: 'atomic', rangeReads: true, maxObjectBytes: Infinity }
  }
}

class OneAtATime extends MutantStorage {
  #busy = false
  override async *list(prefix: string, options: ListOptions): AsyncGenerator<StoredObject, void, void> {
    if (this.#busy) throw this.error('Permanent')
    this.#busy = true
    try {
      yield* super.list(prefix, options)
    } finally {
      this.#busy = false
    }
  }
}

class RefusesWhatItDoesNot extends MutantStorage {
  override async get(key: string, options: GetOptions): Promise<AsyncIterable<Uint8Array>> {
    try {
      return await super.get(key, options)
    } catch (error) {
      if (isStorageError(error, 'Unsupported')) return super.get(key, { signal: options.signal })
      throw error
    }
  }
}

/** Mutants of keys, delete, signals, the life of a storage and its errors. */
export const lifeMutants: readonly StorageMutant[] = [
  { breaks: 'decodes percents in keys', fails: ['STOR-KEY-01'], make: DecodesPercents },
  { breaks: 'composes letters in keys', fails: ['STOR-KEY-02'], make: ComposesLetters },
  { breaks: 'cuts long keys', fails: ['STOR-KEY-03'], make: CutsLongKeys },
  { breaks: 'ignores case in keys', fails: ['STOR-KEY-04'], make: IgnoresCase },
  { breaks: 'says to have deleted', fails: ['STOR-DEL-01'], make: DeletesNothingForOthers },
  { breaks: 'refuses to delete absent keys', fails: ['STOR-DEL-02'], make: RefusesAbsentKeys },
  { breaks: 'deletes one page of keys', fails: ['STOR-DEL-03'], make: DeletesOnePage },
  { breaks: 'deletes what is below a key', fails: ['STOR-DEL-04'], make: DeletesBelow },
  { breaks: 'ignores an aborted signal', fails: ['STOR-ABORT-01'], make: IgnoresAbortedSignal },
  { breaks: 'goes on after its disposal', fails: ['STOR-DISP-01'], make: GoesOnAfterDisposal },
  { breaks: 'refuses a second disposal', fails: ['STOR-DISP-02'], make: RefusesSecondDisposal },
  { breaks: 'finishes puts that its disposal ends', fails: ['STOR-DISP-03'], make: WaitsInDisposal },
  { breaks: 'forgets objects when it is disposed of', fails: ['STOR-DISP-04'], make: ForgetsAtTheEnd },
  { breaks: 'calls an outage absence', fails: ['STOR-ERR-01'], make: CallsOutageAbsence },
  { breaks: 'calls a denial absence', fails: ['STOR-ERR-02'], make: CallsDenialAbsence },
  { breaks: 'has capabilities that make no sense', fails: ['STOR-CAP-01'], make: HasOddCapabilities },
  { breaks: 'does one thing at a time', fails: ['STOR-RACE-03'], make: OneAtATime },
]

/** A mutant of a storage that is declared to have no range reads. */
export const rangelessMutant: StorageMutant = {
  breaks: 'reads all where it should refuse a range',
  fails: ['STOR-GET-02', 'STOR-GET-03'],
  make: RefusesWhatItDoesNot,
}
