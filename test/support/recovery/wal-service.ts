import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../free-port.ts'
import { startHttpFaultProxy, type HttpFaultProxy } from '../http-fault-proxy.ts'
import type { RunningProgram } from '../running-program.ts'
import { unprivilegedUser } from '../unprivileged-user.ts'
import { waitFor } from '../wait-for.ts'
import { startWalr } from '../walr-process.ts'
import { breakableLine, type ArchivePlace, type Supply } from './archive-place.ts'
import { writeReaderConfiguration } from './archived-cluster.ts'
import { writeOwned } from './owned-files.ts'

let services = 0

/** A `walr serve` in front of an archive, with a token, and a proxy in front of it that can misbehave. */
export class WalService implements Supply, AsyncDisposable {
  readonly proxy: HttpFaultProxy
  readonly tokenFile: string
  readonly #port: number
  readonly #config: string
  readonly #line: Required<Supply>
  #walr: RunningProgram | undefined

  private constructor(place: ArchivePlace, port: number, proxy: HttpFaultProxy) {
    const token = `a token of ${String(port).repeat(4)}`.replaceAll(' ', '-')
    const name = `serve-${++services}`
    this.#port = port
    this.proxy = proxy
    this.#line = breakableLine(proxy)
    this.tokenFile = writeOwned(join(place.folder, `${name}.token`), `${token}\n`)
    this.#config = writeReaderConfiguration(place, { name, more: { http: { token } } })
  }

  static async start(place: ArchivePlace): Promise<WalService> {
    const port = await freePort()
    const service = new WalService(place, port, await startHttpFaultProxy(`http://127.0.0.1:${port}`))
    await service.start()
    return service
  }

  /** Arguments of restore-command that name it. */
  get args(): string {
    return `--serve-addr ${this.proxy.endpoint} --serve-token-file "${this.tokenFile}"`
  }

  get walr(): RunningProgram {
    if (!this.#walr) throw new Error('walr serve was never started')
    return this.#walr
  }

  async start(): Promise<void> {
    const user = unprivilegedUser()
    const walr = startWalr(['serve', '--config', this.#config, '--listen', `127.0.0.1:${this.#port}`], {
      ...(user ? { user } : {}),
    })
    this.#walr = walr
    const answers = async (): Promise<boolean> => {
      if (!walr.isRunning) return true
      return (await fetch(`http://127.0.0.1:${this.#port}/healthz`)).ok
    }
    await waitFor('walr serve answers', answers, { intervalMs: 50 })
    if (walr.isRunning) return
    await delay(50)
    throw new Error(`walr serve has ended:\n${walr.stderr.join('\n')}`)
  }

  async takeAway(): Promise<void> {
    await this.walr.stop('SIGKILL')
  }

  async bringBack(): Promise<void> {
    await this.#line.bringBack()
    if (!this.walr.isRunning) await this.start()
  }

  cutIn(segment: string): void {
    this.#line.cutIn(segment)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#walr?.[Symbol.asyncDispose]()
    await this.proxy.stop()
  }
}
