import { freePort } from '../../test/support/free-port.ts'
import type { RunningProgram } from '../../test/support/running-program.ts'
import { waitFor } from '../../test/support/wait-for.ts'
import { startWalr } from '../../test/support/walr-process.ts'
import { walrWith, type WalBringer } from './wal-bringer.ts'
import type { WalrArchive } from './walr-archive.ts'

/** `walr serve` for an archive, on loopback; runs from the first recovery on. */
export class Serve implements AsyncDisposable {
  readonly #archive: WalrArchive
  readonly #listen: string
  #walr: RunningProgram | undefined

  private constructor(archive: WalrArchive, listen: string) {
    this.#archive = archive
    this.#listen = listen
  }

  static async of(archive: WalrArchive): Promise<Serve> {
    return new Serve(archive, `127.0.0.1:${await freePort()}`)
  }

  bringer(name: string): WalBringer {
    return { ...walrWith(name, `--serve-addr ${this.#url}`), prepare: () => this.#start() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#walr?.[Symbol.asyncDispose]()
  }

  get #url(): string {
    return `http://${this.#listen}`
  }

  async #start(): Promise<void> {
    if (this.#walr?.isRunning) return
    const walr = startWalr(['serve', '--config', this.#archive.configFile, '--listen', this.#listen])
    this.#walr = walr
    const answers = async (): Promise<'ended' | boolean> => {
      if (!walr.isRunning) return 'ended'
      const response = await fetch(`${this.#url}/healthz`)
      await response.arrayBuffer()
      return response.ok
    }
    const outcome = await waitFor('walr serve answers', answers)
    if (outcome === 'ended') throw new Error(`walr serve has ended:\n${walr.stderr.join('\n')}`)
  }
}
