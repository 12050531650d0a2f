/**
 * A storage keeps objects under keys. A key is a relative path of UTF-8 text: parts separated by one `/`, none of them
 * empty, `.` or `..`, no control characters, at most 512 bytes. Keys differ when their bytes differ. The storage's own
 * options may put a prefix before all keys; nobody else sees that.
 *
 * All methods may be called at the same time, also for the same key. They reject with a `StorageError` or, when their
 * signal is aborted, with the signal's reason, and then leave no request, timer or handle behind. They do not retry for
 * long by themselves: core repeats what failed with `Transient`.
 */
export interface Storage extends AsyncDisposable {
  readonly capabilities: StorageCapabilities

  /**
   * Stores an object, all or nothing: until it is complete and durable, no reader and no listing sees any of it, and a
   * failed or aborted call leaves nothing visible. (After a failure of the network nobody can tell: the object may be
   * there, whole.) With `ifAbsent` an object that is there is left alone and the call rejects with `AlreadyExists`;
   * without it the object is replaced.
   * @param source may be opened more than once; each put that is begun anew reads it from its first byte.
   * @returns what the storage confirms of the object it now has. Not what was sent: what the service reported, or what was
   * read back.
   */
  put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation>

  /**
   * Reads an object or a range of it. Rejects with `NotFound` before the first byte. Data that ends before the length
   * that the service announced is a `Transient` error, never a short success. A chunk belongs to the caller until it asks
   * for the next one. Leaving the iteration early frees everything.
   */
  get(key: string, options: GetOptions): Promise<AsyncIterable<Uint8Array>>

  /** Tells about an object without reading it. Rejects with `NotFound`. */
  head(key: string, options: OperationOptions): Promise<StoredObject>

  /**
   * Lists the objects whose keys begin with `prefix`, ascending by the bytes of their UTF-8 keys, complete or with an
   * error. `prefix` is text, not a folder: `wal/0` finds `wal/00000001`. What was stored before the call is found.
   */
  list(prefix: string, options: ListOptions): AsyncIterable<StoredObject>

  /** Deletes objects. Keys without one are fine. When it rejects, any of them may be deleted. */
  delete(keys: readonly string[], options: OperationOptions): Promise<void>
}

/** What an opened storage can do; it may depend on its options, and does not change. */
export interface StorageCapabilities {
  /**
   * `atomic`: of several `put` with `ifAbsent` at the same time exactly one succeeds. `check-then-write`: only when nobody
   * else writes; core then demands that there is one writer.
   */
  readonly createIfAbsent: 'atomic' | 'check-then-write'
  /** False: `get` with `offset` or `length` rejects with `Unsupported`. */
  readonly rangeReads: boolean
  /** The largest object, in bytes; `Infinity` without a limit. Core splits what is larger. */
  readonly maxObjectBytes: number
}

/** Bytes that can be read again from the beginning. */
export interface ByteSource {
  /** How many bytes each reading gives; undefined when that is not known. A source that gives other than this is an error. */
  readonly size: number | undefined
  /**
   * All of them, when they are in memory anyway; they do not change until the operation that was given the source has
   * settled. A storage may send them as they are instead of reading: that saves a copy.
   */
  readonly bytes?: Uint8Array | undefined
  /** Begins a reading. Chunks are borrowed: they may be reused when the next one is asked for. */
  open(): AsyncIterable<Uint8Array>
}

/** Options of every operation of a storage. */
export interface OperationOptions {
  /** Ends the operation at once. */
  readonly signal: AbortSignal
}

export interface PutOptions extends OperationOptions {
  /** True: never replace an object. */
  readonly ifAbsent: boolean
}

export interface GetOptions extends OperationOptions {
  /** First byte, counted from 0; 0 when undefined. At or behind the end: no bytes. */
  readonly offset?: number
  /** How many bytes at most; up to the end when undefined. */
  readonly length?: number
}

export interface ListOptions extends OperationOptions {
  /** Only keys greater than this one; it need not exist. */
  readonly startAfter?: string
}

/** What a storage reports of an object. */
export interface StoredObject {
  readonly key: string
  /** In bytes. */
  readonly size: number
  /** When it was stored, by the storage's clock. */
  readonly modifiedAt: Date
}

/** What a storage confirms of an object that was put. */
export interface PutConfirmation {
  /** In bytes. */
  readonly size: number
  /** Of the whole object, computed by the storage from what it received; undefined when it computes none. */
  readonly checksum?: ObjectChecksum | undefined
}

/** A checksum of an object's bytes. */
export interface ObjectChecksum {
  readonly algorithm: 'md5' | 'sha256' | 'sha1' | 'crc32' | 'crc32c'
  /** Lower-case hexadecimal digits; of a CRC the eight of its number. */
  readonly value: string
}
