import { basename, dirname, join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Disk, DiskEntry, DiskFile } from '../disk/disk.ts'
import { systemError } from '../errors/system-error.ts'

/** What a file holds: as every process sees it, and as it is after the power has gone. */
interface Inode {
  live: Buffer
  durable: Buffer
  /** Number of the sync that `durable` is from: one that was begun earlier may end later. */
  synced: number
}

let syncs = 0

/** How a run ends: the process is killed and the page cache stays, or the machine loses what was not synced. */
export type Crash = 'kill' | 'power'

/** The error of every operation after the crash: nobody is there to see it. */
class Crashed extends Error {
  override readonly name = 'Crashed'
}

/**
 * A disk in memory that knows which bytes and which names are durable, and that can crash at its nth operation. File
 * contents become durable by `dataSync` and `sync`, names by `syncDirectory`, as POSIX promises and no more.
 */
export class PowerLossDisk implements Disk {
  #live: Map<string, Inode>
  #durable: Map<string, Inode>
  #count = 0
  #crashAt: number
  /** Whether there are writes past the page cache. */
  direct = true

  constructor(crashAt = Number.POSITIVE_INFINITY, live = new Map<string, Inode>(), durable = new Map<string, Inode>()) {
    this.#crashAt = crashAt
    this.#live = live
    this.#durable = durable
  }

  /** Operations so far. */
  get count(): number {
    return this.#count
  }

  /** What the next process finds, on a disk that crashes at its own operation `crashAt`. This one is of no use any more. */
  afterCrash(how: Crash, crashAt = Number.POSITIVE_INFINITY): PowerLossDisk {
    this.#crashAt = 0
    const copies = new Map<Inode, Inode>()
    const copy = (inode: Inode): Inode => {
      const known = copies.get(inode)
      if (known) return known
      const durable = Buffer.from(inode.durable)
      const made = { live: how === 'kill' ? Buffer.from(inode.live) : Buffer.from(durable), durable, synced: 0 }
      copies.set(inode, made)
      return made
    }
    const names = (map: Map<string, Inode>): Map<string, Inode> =>
      new Map([...map].map(([path, inode]) => [path, copy(inode)]))
    const found = names(how === 'kill' ? this.#live : this.#durable)
    const disk = new PowerLossDisk(crashAt, found, names(this.#durable))
    disk.direct = this.direct
    return disk
  }

  /** Puts a file there as an earlier run may have left it. Not an operation. */
  put(path: string, bytes: Buffer, durable: 'nothing' | 'contents'): void {
    const live = Buffer.from(bytes)
    this.#live.set(path, { live, durable: durable === 'contents' ? Buffer.from(live) : Buffer.alloc(0), synced: 0 })
  }

  /** Every operation begins here. One that is under way when the crash comes has no effect. */
  async begin(): Promise<void> {
    this.beginSync()
    await turn()
    if (this.#count >= this.#crashAt) throw new Crashed()
  }

  beginSync(): void {
    this.#count += 1
    if (this.#count >= this.#crashAt) throw new Crashed()
  }

  async open(path: string, how: 'create' | 'createNew' | 'existing' | 'read'): Promise<DiskFile> {
    await this.begin()
    const known = this.#live.get(path)
    if (known && how === 'createNew') throw systemError('EEXIST', 'open', path)
    if (!known && (how === 'existing' || how === 'read')) throw systemError('ENOENT', 'open', path)
    const inode = known ?? { live: Buffer.alloc(0), durable: Buffer.alloc(0), synced: 0 }
    this.#live.set(path, inode)
    return new PowerLossFile(path, inode, this)
  }

  async openDirect(path: string, selfSyncing: boolean): Promise<DiskFile | undefined> {
    if (!this.direct) return undefined
    await this.begin()
    const inode = this.#live.get(path)
    if (!inode) throw systemError('ENOENT', 'open', path)
    return new PowerLossFile(path, inode, this, selfSyncing)
  }

  async list(directory: string): Promise<readonly DiskEntry[]> {
    await this.begin()
    return [...this.#live.keys()]
      .filter((path) => dirname(path) === directory)
      .map((path) => ({ name: basename(path), kind: 'file' }))
  }

  async size(path: string): Promise<number | undefined> {
    await this.begin()
    return this.#live.get(path)?.live.length
  }

  async rename(from: string, to: string): Promise<void> {
    await this.begin()
    const inode = this.#live.get(from)
    if (!inode) throw systemError('ENOENT', 'rename', from)
    this.#live.delete(from)
    this.#live.set(to, inode)
  }

  async remove(path: string): Promise<void> {
    await this.begin()
    this.#live.delete(path)
  }

  async makeDirectory(): Promise<void> {
    await this.begin()
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.begin()
    for (const path of [...this.#durable.keys()]) if (dirname(path) === directory) this.#durable.delete(path)
    for (const [path, inode] of this.#live) if (dirname(path) === directory) this.#durable.set(path, inode)
  }

  async freeBytes(): Promise<number> {
    await this.begin()
    return 1_000_000_000_000
  }
}

class PowerLossFile implements DiskFile {
  readonly path: string
  readonly #inode: Inode
  readonly #disk: PowerLossDisk
  readonly #selfSyncing: boolean

  constructor(path: string, inode: Inode, disk: PowerLossDisk, selfSyncing = false) {
    this.path = join(path)
    this.#inode = inode
    this.#disk = disk
    this.#selfSyncing = selfSyncing
  }

  writeSync(bytes: Uint8Array, offset: number, length: number, position: number): void {
    this.#disk.beginSync()
    this.#put(bytes.subarray(offset, offset + length), position)
  }

  async write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<void> {
    await this.#disk.begin()
    this.#put(bytes.subarray(offset, offset + length), position)
  }

  async read(bytes: Uint8Array, position: number): Promise<number> {
    await this.#disk.begin()
    return position < this.#inode.live.length ? this.#inode.live.copy(bytes, 0, position) : 0
  }

  dataSyncSync(): void {
    this.#disk.beginSync()
    this.#snapshot()()
  }

  async dataSync(): Promise<void> {
    const done = this.#snapshot()
    await this.#disk.begin()
    done()
  }

  sync(): Promise<void> {
    return this.dataSync()
  }

  async size(): Promise<number> {
    await this.#disk.begin()
    return this.#inode.live.length
  }

  async truncate(size: number): Promise<void> {
    await this.#disk.begin()
    if (size < this.#inode.live.length) this.#inode.live = this.#inode.live.subarray(0, size)
    else this.#grow(size)
  }

  async close(): Promise<void> {
    await this.#disk.begin()
  }

  /** What a sync that begins now makes durable, once the returned function is called. */
  #snapshot(): () => void {
    const bytes = Buffer.from(this.#inode.live)
    const number = (syncs += 1)
    return () => {
      if (number < this.#inode.synced) return
      this.#inode.durable = bytes
      this.#inode.synced = number
    }
  }

  #put(bytes: Uint8Array, position: number): void {
    this.#grow(position + bytes.length)
    this.#inode.live.set(bytes, position)
    if (!this.#selfSyncing) return
    const { durable } = this.#inode
    const missing = position + bytes.length - durable.length
    if (missing > 0) this.#inode.durable = Buffer.concat([durable, Buffer.alloc(missing)])
    this.#inode.durable.set(bytes, position)
  }

  #grow(size: number): void {
    const { live } = this.#inode
    if (live.length < size) this.#inode.live = Buffer.concat([live, Buffer.alloc(size - live.length)])
  }
}
