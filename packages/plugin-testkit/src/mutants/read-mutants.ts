import { openSync } from 'node:fs'
import { closeSync } from 'node:fs'
import {
  isStorageError,
  type GetOptions,
  type ListOptions,
  type OperationOptions,
  type StoredObject,
} from '@walr/core/plugin'
import { collect } from '../bytes/byte-stream.ts'
import { MutantStorage, type StorageMutant } from './storage-mutant.ts'

type Bytes = AsyncIterable<Uint8Array>

class FindsAbsenceLate extends MutantStorage {
  override get(key: string, options: GetOptions): Promise<Bytes> {
    if (this.has(key) || this.fault !== undefined || options.signal.aborted) return super.get(key, options)
    const later = () => super.get(key, options)
    async function* open(): AsyncGenerator<Uint8Array> {
      yield* await later()
    }
    return Promise.resolve(open())
  }
}

class IgnoresLength extends MutantStorage {
  override get(key: string, { offset, signal }: GetOptions): Promise<Bytes> {
    return super.get(key, offset === undefined ? { signal } : { offset, signal })
  }
}

class RefusesRangeAtEnd extends MutantStorage {
  override async get(key: string, options: GetOptions): Promise<Bytes> {
    const size = this.bucket.objects.get(this.prefix + key)?.size ?? 0
    if (options.offset !== undefined && options.offset >= size) throw this.error('Permanent')
    return super.get(key, options)
  }
}

class LeavesFileOpen extends MutantStorage {
  override async get(key: string, options: GetOptions): Promise<Bytes> {
    const bytes = await super.get(key, options)
    async function* open(): AsyncGenerator<Uint8Array> {
      const descriptor = openSync('/dev/null', 'r')
      yield* bytes
      closeSync(descriptor)
    }
    return open()
  }
}

class LendsItsOwnMemory extends MutantStorage {
  override async get(key: string, options: GetOptions): Promise<Bytes> {
    if (options.offset !== undefined || options.length !== undefined) return super.get(key, options)
    const bytes = await super.get(key, options)
    const pages = this.bucket.objects.get(this.prefix + key)?.pages ?? []
    async function* open(): AsyncGenerator<Uint8Array> {
      let index = 0
      for await (const copy of bytes) yield pages[index++] ?? copy
    }
    return open()
  }
}

class HasOneReadPosition extends MutantStorage {
  readonly #readings = new Map<string, { readonly pages: Uint8Array[] }>()
  override async get(key: string, options: GetOptions): Promise<Bytes> {
    const bytes = await super.get(key, options)
    if (this.bucket.objects.get(this.prefix + key)?.size !== 2 * 1_048_576 + 1) return bytes
    const reading = this.#readings.get(key) ?? { pages: await Array.fromAsync(bytes) }
    this.#readings.set(key, reading)
    async function* open(): AsyncGenerator<Uint8Array> {
      for (let page = reading.pages.shift(); page !== undefined; page = reading.pages.shift()) {
        await Promise.resolve()
        yield page
      }
    }
    return open()
  }
}

class ReadsOnWhenAborted extends MutantStorage {
  override get(key: string, options: GetOptions): Promise<Bytes> {
    options.signal.throwIfAborted()
    return super.get(key, { ...options, signal: new AbortController().signal })
  }
}

class HoldsObjectWhileGetting extends MutantStorage {
  override async get(key: string, options: GetOptions): Promise<Bytes> {
    const size = this.bucket.objects.get(this.prefix + key)?.size ?? 0
    const bytes = await super.get(key, options)
    if (size < 32 * 1_048_576) return bytes
    const whole = await collect(bytes)
    async function* open(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < whole.length; at += 1_048_576) {
        await Promise.resolve()
        yield whole.subarray(at, at + 1_048_576)
      }
    }
    return open()
  }
}

class TellsWrongSize extends MutantStorage {
  override async head(key: string, options: OperationOptions): Promise<StoredObject> {
    const found = await super.head(key, options)
    return found.size === 70_001 ? { ...found, size: 65_536 } : found
  }
}

class TakesFolderForObject extends MutantStorage {
  override async head(key: string, options: OperationOptions): Promise<StoredObject> {
    const below = `${this.prefix}${key}/`
    const isFolder = [...this.bucket.objects.keys()].some((name) => name.startsWith(below))
    if (isFolder && !options.signal.aborted) return { key, size: 0, modifiedAt: new Date() }
    return super.head(key, options)
  }
}

class SortsByUtf16 extends MutantStorage {
  override async *list(prefix: string, options: ListOptions): AsyncGenerator<StoredObject, void, void> {
    const found = await Array.fromAsync(super.list(prefix, options))
    const awkward = found.length === 21 && prefix === '' && options.startAfter === undefined
    if (awkward) found.sort((a, b) => (a.key < b.key ? -1 : 1))
    yield* found
    options.signal.throwIfAborted()
  }
}

class StopsAfterOnePage extends MutantStorage {
  override async *list(prefix: string, options: ListOptions): AsyncGenerator<StoredObject, void, void> {
    let count = 0
    for await (const object of super.list(prefix, options)) {
      if (++count > 2000) return
      yield object
    }
  }
}

class IncludesStart extends MutantStorage {
  override async *list(prefix: string, options: ListOptions): AsyncGenerator<StoredObject, void, void> {
    const { startAfter, signal } = options
    if (startAfter?.startsWith(prefix) === true && this.has(startAfter)) {
      const object = await this.head(startAfter, { signal })
      // Long listings are another case's.
      if (startAfter.length < 10) yield object
    }
    yield* super.list(prefix, options)
  }
}

class ForgetsSlash extends MutantStorage {
  override list(prefix: string, options: ListOptions): AsyncGenerator<StoredObject, void, void> {
    return super.list(prefix === 'main/' ? 'main' : prefix, options)
  }
}

class TakesPrefixForFolder extends MutantStorage {
  override async *list(prefix: string, options: ListOptions): AsyncGenerator<StoredObject, void, void> {
    const isWord = /^wal?\/?[0-9a]*$/.test(prefix) && !prefix.endsWith('/')
    for await (const object of super.list(prefix, options)) {
      if (!isWord || object.key === prefix || object.key.startsWith(`${prefix}/`)) yield object
    }
  }
}

class RefusesEmptyListing extends MutantStorage {
  override async *list(prefix: string, options: ListOptions): AsyncGenerator<StoredObject, void, void> {
    if (prefix === 'absent/') throw this.error('NotFound')
    yield* super.list(prefix, options)
  }
}

class RemembersListing extends MutantStorage {
  readonly #sizes = new Map<string, StoredObject>()
  override async *list(prefix: string, options: ListOptions): AsyncGenerator<StoredObject, void, void> {
    for await (const object of super.list(prefix, options)) {
      const remembered = this.#sizes.get(object.key) ?? object
      this.#sizes.set(object.key, remembered)
      yield remembered
    }
  }
}

class ListsOnWhenAborted extends MutantStorage {
  override async *list(prefix: string, options: ListOptions): AsyncGenerator<StoredObject, void, void> {
    options.signal.throwIfAborted()
    yield* super.list(prefix, { ...options, signal: new AbortController().signal })
  }
}

class TakesMissingBaseForAbsence extends MutantStorage {
  override async head(key: string, options: OperationOptions): Promise<StoredObject> {
    try {
      return await super.head(key, options)
    } catch (error) {
      if (this.fault !== undefined && isStorageError(error, 'Permanent')) throw this.error('NotFound')
      throw error
    }
  }
}

/** Mutants of get, head and list. */
export const readMutants: readonly StorageMutant[] = [
  { breaks: 'says NotFound when it is read', fails: ['STOR-GET-01'], make: FindsAbsenceLate },
  { breaks: 'ignores length', fails: ['STOR-GET-02'], make: IgnoresLength },
  { breaks: 'refuses a range at the end', fails: ['STOR-GET-03'], make: RefusesRangeAtEnd },
  { breaks: 'leaves a file open when it is left early', fails: ['STOR-GET-04'], make: LeavesFileOpen },
  { breaks: 'lends its own memory', fails: ['STOR-GET-05'], make: LendsItsOwnMemory },
  { breaks: 'has one position for all readers', fails: ['STOR-GET-06'], make: HasOneReadPosition },
  { breaks: 'reads on when it is aborted', fails: ['STOR-GET-07'], make: ReadsOnWhenAborted },
  { breaks: 'holds all of an object while getting it', fails: ['STOR-MEM-02'], make: HoldsObjectWhileGetting },
  { breaks: 'tells a wrong size', fails: ['STOR-HEAD-01'], make: TellsWrongSize },
  { breaks: 'takes a folder for an object', fails: ['STOR-HEAD-02'], make: TakesFolderForObject },
  { breaks: 'sorts by UTF-16', fails: ['STOR-LIST-01'], make: SortsByUtf16 },
  { breaks: 'lists two pages and no more', fails: ['STOR-LIST-02'], make: StopsAfterOnePage },
  { breaks: 'begins a listing with startAfter itself', fails: ['STOR-LIST-03'], make: IncludesStart },
  { breaks: 'lists siblings', fails: ['STOR-LIST-04'], make: ForgetsSlash },
  { breaks: 'takes a prefix for a folder', fails: ['STOR-LIST-05'], make: TakesPrefixForFolder },
  { breaks: 'refuses to list nothing', fails: ['STOR-LIST-06'], make: RefusesEmptyListing },
  { breaks: 'remembers what it listed before', fails: ['STOR-LIST-07'], make: RemembersListing },
  { breaks: 'lists on when it is aborted', fails: ['STOR-LIST-08'], make: ListsOnWhenAborted },
  { breaks: 'takes a missing bucket for a missing key', fails: ['STOR-ERR-03'], make: TakesMissingBaseForAbsence },
]
