import { fdatasyncSync, writeSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { DiskFile } from './disk.ts'
import { writeFully, writeFullySync } from './write-fully.ts'

/** An open file of the real file system. {@link close} waits for operations under way. */
export class NodeDiskFile implements DiskFile {
  readonly path: string
  readonly #handle: FileHandle

  constructor(path: string, handle: FileHandle) {
    this.path = path
    this.#handle = handle
  }

  writeSync(bytes: Uint8Array, offset: number, length: number, position: number): void {
    const { fd } = this.#handle
    // The hot path: one call, and nothing allocated, unless the system takes less than all.
    if (writeSync(fd, bytes, offset, length, position) !== length) this.#writeRest(bytes, offset, length, position)
  }

  /** Writes the range again from its beginning, which costs nothing but time, until all of it is written. */
  #writeRest(bytes: Uint8Array, offset: number, length: number, position: number): void {
    const { fd } = this.#handle
    writeFullySync((at, count, where) => writeSync(fd, bytes, at, count, where), {
      path: this.path,
      offset,
      length,
      position,
    })
  }

  async write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<void> {
    await writeFully(async (at, count, where) => (await this.#handle.write(bytes, at, count, where)).bytesWritten, {
      path: this.path,
      offset,
      length,
      position,
    })
  }

  async read(bytes: Uint8Array, position: number): Promise<number> {
    let filled = 0
    while (filled < bytes.length) {
      const { bytesRead } = await this.#handle.read(bytes, filled, bytes.length - filled, position + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return filled
  }

  dataSyncSync(): void {
    fdatasyncSync(this.#handle.fd)
  }

  dataSync(): Promise<void> {
    return this.#handle.datasync()
  }

  sync(): Promise<void> {
    return this.#handle.sync()
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size
  }

  truncate(size: number): Promise<void> {
    return this.#handle.truncate(size)
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}
