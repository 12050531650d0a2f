import { setTimeout as delay } from 'node:timers/promises'
import type { DiskFile } from './disk.ts'
import type { DueFault, FaultRules, OperationDetails } from './fault-rules.ts'

/** A file opened by a fault disk, under the disk's rules. */
export class FaultDiskFile implements DiskFile {
  readonly #inner: DiskFile
  readonly #rules: FaultRules

  constructor(inner: DiskFile, rules: FaultRules) {
    this.#inner = inner
    this.#rules = rules
  }

  get path(): string {
    return this.#inner.path
  }

  writeSync(bytes: Uint8Array, offset: number, length: number, position: number): void {
    const fault = this.#beginSync({ operation: 'write', path: this.path, position, length })
    if (!fault?.error) {
      this.#inner.writeSync(bytes, offset, length, position)
      return
    }
    if (fault.shortWrite) this.#inner.writeSync(bytes, offset, Math.min(fault.shortWrite, length), position)
    throw fault.error
  }

  async write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<void> {
    const fault = await this.#begin({ operation: 'write', path: this.path, position, length })
    if (!fault?.error) return this.#inner.write(bytes, offset, length, position)
    if (fault.shortWrite) await this.#inner.write(bytes, offset, Math.min(fault.shortWrite, length), position)
    throw fault.error
  }

  async read(bytes: Uint8Array, position: number): Promise<number> {
    await this.#pass({ operation: 'read', path: this.path, position, length: bytes.length })
    return this.#inner.read(bytes, position)
  }

  dataSyncSync(): void {
    const fault = this.#beginSync({ operation: 'dataSync', path: this.path })
    if (fault?.error) throw fault.error
    this.#inner.dataSyncSync()
  }

  async dataSync(): Promise<void> {
    await this.#pass({ operation: 'dataSync', path: this.path })
    await this.#inner.dataSync()
  }

  async sync(): Promise<void> {
    await this.#pass({ operation: 'sync', path: this.path })
    await this.#inner.sync()
  }

  async size(): Promise<number> {
    await this.#pass({ operation: 'fileSize', path: this.path })
    return this.#inner.size()
  }

  async truncate(size: number): Promise<void> {
    await this.#pass({ operation: 'truncate', path: this.path, length: size })
    await this.#inner.truncate(size)
  }

  /** A close that fails still releases the file, as close(2) does. */
  async close(): Promise<void> {
    const fault = await this.#begin({ operation: 'close', path: this.path })
    await this.#inner.close()
    if (fault?.error) throw fault.error
  }

  async #pass(details: OperationDetails): Promise<void> {
    const fault = await this.#begin(details)
    if (fault?.error) throw fault.error
  }

  async #begin(details: OperationDetails): Promise<DueFault | undefined> {
    const fault = this.#rules.begin(details)
    if (fault?.delayMs !== undefined) await delay(fault.delayMs)
    return fault
  }

  #beginSync(details: OperationDetails): DueFault | undefined {
    const fault = this.#rules.begin(details)
    if (fault?.delayMs !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, fault.delayMs)
    return fault
  }
}
