import type { DiskStat, TreeDisk } from './disk.ts'
import { FaultDisk } from './fault-disk.ts'

/** As {@link FaultDisk}, with the operations of a {@link TreeDisk}. For tests only. */
export class FaultTreeDisk extends FaultDisk implements TreeDisk {
  readonly #inner: TreeDisk

  constructor(inner: TreeDisk) {
    super(inner)
    this.#inner = inner
  }

  async stat(path: string): Promise<DiskStat | undefined> {
    await this.pass({ operation: 'stat', path })
    return this.#inner.stat(path)
  }

  named(path: string): ReturnType<TreeDisk['named']> {
    return this.#inner.named(path)
  }

  async link(existing: string, added: string): Promise<void> {
    await this.pass({ operation: 'link', path: existing, to: added })
    await this.#inner.link(existing, added)
  }
}
