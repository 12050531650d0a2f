import type { Storage } from '@walr/core/plugin'

/**
 * What a plugin's author gives to the storage suite. Every case makes a harness of its own, with a place to store that
 * nothing was ever stored in: a new prefix, bucket or directory.
 *
 * The hooks that are optional have cases of their own, which fail where the hook is missing: declare a deviation when there
 * is no such thing, as for a server that is out of reach of a directory.
 */
export interface StorageHarness {
  /** A new client of the same place at each call. The kit disposes of it. */
  open(): Promise<Storage>
  /** A client whose server cannot be reached, such as a port where nobody listens. */
  openUnreachable?(): Promise<Storage>
  /** A client of the same place that may do nothing there. */
  openDenied?(): Promise<Storage>
  /** A client of a bucket or a base directory that does not exist. */
  openWithoutBase?(): Promise<Storage>
  /** Removes what the case left behind. */
  close(): Promise<void>
  /**
   * From which size on the storage sends an object in parts, in bytes: 5 MiB when undefined. The kit's objects are smaller,
   * as large, and several times as large.
   */
  readonly partBytes?: number
  /**
   * How much memory one put or one get may hold at a time, in bytes: 32 MiB when undefined. The kit sends objects of at
   * least 64 MiB and at least twice this.
   */
  readonly memoryBytes?: number
}
