import { spawnSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { makeScratch, type Scratch } from './scratch.ts'

const mounted = new Set<string>()
process.prependListener('exit', () => {
  for (const path of mounted) spawnSync('umount', ['-l', path])
})

/** A file system of its own, so small that a test can fill it. Unmounted and removed when it is disposed of. */
export class SmallFilesystem implements AsyncDisposable {
  readonly path: string
  readonly #scratch: Scratch

  /** @param megabytes MiB that fit into it, with what the file system itself needs. */
  constructor(megabytes: number) {
    this.#scratch = makeScratch('small')
    this.path = this.#scratch.path
    const result = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0777`, 'walr-test', this.path])
    if (result.status !== 0) {
      this.#scratch.remove()
      throw new Error(
        `cannot mount a small tmpfs: ${reason(result)} (root with the right to mount is needed: CAP_SYS_ADMIN)`,
      )
    }
    mounted.add(this.path)
    chmodSync(this.path, 0o777)
  }

  /** Changes its size, in MiB; what is in it stays. */
  resize(megabytes: number): void {
    const result = spawnSync('mount', ['-o', `remount,size=${megabytes}m`, this.path])
    if (result.status !== 0) throw new Error(`cannot resize ${this.path}: ${reason(result)}`)
  }

  [Symbol.asyncDispose](): Promise<void> {
    // lazy, because a process that was killed a moment ago may still hold a file open
    spawnSync('umount', ['-l', this.path])
    mounted.delete(this.path)
    this.#scratch.remove()
    return Promise.resolve()
  }
}

function reason(result: { readonly stderr: Buffer | null; readonly error?: Error }): string {
  return result.error?.message ?? result.stderr?.toString().trim() ?? 'unknown reason'
}
