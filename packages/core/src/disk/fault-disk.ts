import { setTimeout as delay } from 'node:timers/promises'
import type { Disk, DiskEntry, DiskFile } from './disk.ts'
import { FaultDiskFile } from './fault-disk-file.ts'
import type { Fault, FaultMatch, Operation, OperationDetails } from './fault-rules.ts'
import { FaultRules } from './fault-rules.ts'

/**
 * A disk that does what `inner` does, except where a rule makes an operation fail or slow. For tests only. It also keeps
 * the order of all operations, so that a test can state "synced before renamed".
 */
export class FaultDisk implements Disk {
  readonly #inner: Disk
  readonly #rules: FaultRules = new FaultRules()
  #freeBytes: number | undefined
  #direct = true

  constructor(inner: Disk) {
    this.#inner = inner
  }

  /** Adds a rule; the first one that matches an operation decides. Returns a function that takes the rule away again. */
  on(match: FaultMatch, fault: Fault): () => void {
    return this.#rules.add(match, fault)
  }

  /** What {@link freeBytes} answers from now on; undefined for the truth. */
  setFreeBytes(bytes: number | undefined): void {
    this.#freeBytes = bytes
  }

  /** Whether files can be opened past the page cache from now on, if `inner` can do that. */
  setDirect(direct: boolean): void {
    this.#direct = direct
  }

  /** All operations begun since the start or the last {@link forgetOperations}, failed ones included, in order. */
  get operations(): readonly Operation[] {
    return this.#rules.operations
  }

  forgetOperations(): void {
    this.#rules.forgetOperations()
  }

  async open(path: string, how: 'create' | 'createNew' | 'existing' | 'read', mode?: number): Promise<DiskFile> {
    await this.pass({ operation: 'open', path, how })
    return new FaultDiskFile(await this.#inner.open(path, how, mode), this.#rules)
  }

  async openDirect(path: string, selfSyncing: boolean): Promise<DiskFile | undefined> {
    if (!this.#direct) return undefined
    await this.pass({ operation: 'open', path, how: 'direct' })
    const file = await this.#inner.openDirect(path, selfSyncing)
    return file && new FaultDiskFile(file, this.#rules)
  }

  async list(directory: string): Promise<readonly DiskEntry[]> {
    await this.pass({ operation: 'list', path: directory })
    return this.#inner.list(directory)
  }

  async size(path: string): Promise<number | undefined> {
    await this.pass({ operation: 'size', path })
    return this.#inner.size(path)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.pass({ operation: 'rename', path: from, to })
    await this.#inner.rename(from, to)
  }

  async remove(path: string): Promise<void> {
    await this.pass({ operation: 'remove', path })
    await this.#inner.remove(path)
  }

  async makeDirectory(path: string, mode?: number): Promise<void> {
    await this.pass({ operation: 'makeDirectory', path })
    await this.#inner.makeDirectory(path, mode)
  }

  async syncDirectory(path: string): Promise<void> {
    await this.pass({ operation: 'syncDirectory', path })
    await this.#inner.syncDirectory(path)
  }

  async freeBytes(path: string): Promise<number> {
    await this.pass({ operation: 'freeBytes', path })
    return this.#freeBytes ?? this.#inner.freeBytes(path)
  }

  /** Logs an operation, and does to it what the rules say. */
  protected async pass(details: OperationDetails): Promise<void> {
    const fault = this.#rules.begin(details)
    if (fault?.delayMs !== undefined) await delay(fault.delayMs)
    if (fault?.error !== undefined) throw fault.error
  }
}
