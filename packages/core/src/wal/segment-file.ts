/**
 * A segment while it is being written. The segment writer calls one method at a time, but for `write`, which may run
 * beside a `flush` that has not settled.
 */
export interface SegmentFile {
  /** For messages: the name it has in the directory while it is incomplete. */
  readonly partialName: string
  /** Whether `write` may keep bytes in this process, until the next flush: those are not yet written as a server means it. */
  readonly holdsBack: boolean
  /**
   * Writes the next bytes; `position` is where they stand in the segment and is always the end of what was written.
   * Returns nothing when `bytes` may be reused, or a promise until whose end they must not change.
   * @throws WalrError WALR_WRITE_FAILED. A full disk is no error: the promise settles when there was room.
   */
  write(bytes: Buffer, offset: number, length: number, position: number): void | Promise<void>
  /**
   * Makes every byte written before the call durable, under the segment's name. `background` forbids blocking the thread.
   * @throws WalrError WALR_FSYNC_FAILED, after which nothing about the file is known.
   */
  flush(background: boolean): void | Promise<void>
  /** All bytes of the segment were written: makes them durable under the final name, and closes the file. */
  finish(): Promise<void>
  /** Closes the file and leaves it incomplete, durable as far as it was written. */
  close(): Promise<void>
  /** Closes the file without any promise about its contents; for error paths. Never rejects. */
  abandon(): Promise<void>
}
