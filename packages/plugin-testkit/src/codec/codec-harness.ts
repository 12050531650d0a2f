import type { Codec } from '@walr/core/plugin'

/** What a plugin's author gives to the codec suite. Every case makes a harness of its own. */
export interface CodecHarness {
  /** A new codec at each call, all with the same options, hence the same key. */
  open(): Promise<Codec>
  /** For an encryption: a codec that lacks the key of the others. */
  openWithOtherKey?(): Promise<Codec>
  close(): Promise<void>
  /**
   * Whether the format tells every altered bit that matters: true when undefined. False, for a compression without a
   * checksum, means that an altered object may decode to other bytes; it must still end, and fail with nothing but a
   * `CodecError`. An encryption always tells.
   */
  readonly detectsFlips?: boolean
  /** How much memory one encoding or decoding may hold at a time, in bytes: 32 MiB when undefined. */
  readonly memoryBytes?: number
}
