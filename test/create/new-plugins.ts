import { realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { cleanEnvironment } from '../support/clean-environment.ts'
import { runProgram, type ProgramResult } from '../support/run-program.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { startVerdaccio, type Verdaccio } from '../support/verdaccio.ts'
import { runWalr } from '../support/walr-process.ts'

export const KINDS = ['storage', 'codec', 'retention'] as const
export type Kind = (typeof KINDS)[number]

const npmPath = join(import.meta.dirname, '../../node_modules/npm/bin/npm-cli.js')
/** Ends every attempt to reach the network, by name or by address. */
const noNetwork = `
  import net from 'node:net'
  import dns from 'node:dns'
  const refuse = () => { console.error('the network was used'); process.exit(99) }
  net.Socket.prototype.connect = refuse
  dns.lookup = refuse
  dns.promises.lookup = refuse
  globalThis.fetch = refuse
`

/** A folder outside the repository with a new plugin of each kind, and a registry that has what they need. */
export class NewPlugins implements AsyncDisposable {
  readonly #scratch: Scratch
  readonly #registry: Verdaccio
  /** Absolute, without symbolic links. */
  readonly path: string

  private constructor(scratch: Scratch, registry: Verdaccio) {
    this.#scratch = scratch
    this.#registry = registry
    this.path = realpathSync(scratch.path)
  }

  static async make(): Promise<NewPlugins> {
    const registry = await startVerdaccio()
    try {
      await registry.publishWorkspace(['@walr/core', '@walr/plugin-testkit'])
      return new NewPlugins(makeScratch('create'), registry)
    } catch (error) {
      await registry.stop()
      throw error
    }
  }

  get dataDirectory(): string {
    return join(this.path, 'data')
  }

  folderOf(kind: Kind): string {
    return join(this.path, `walr-plugin-${kind}`)
  }

  nameOf(kind: Kind): string {
    return `@acme/walr-plugin-${kind}`
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text)
  }

  /** `walr plugins create`, without a network. */
  create(kind: Kind): Promise<ProgramResult> {
    const preload = `--import=data:text/javascript,${encodeURIComponent(noNetwork)}`
    return this.walr(['plugins', 'create', this.nameOf(kind), `--${kind}`], { NODE_OPTIONS: preload })
  }

  walr(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<ProgramResult> {
    const env = { ...this.#registry.environment, WALR_DATA_DIR: this.dataDirectory, ...more }
    return runWalr(args, { cwd: this.path, env, deadlineMs: 120_000 })
  }

  /** `npm`, in the folder of a plugin, with this Node. */
  npm(kind: Kind, args: readonly string[]): Promise<ProgramResult> {
    const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter)
    const env = cleanEnvironment({ ...this.#registry.environment, PATH: path })
    const options = { cwd: this.folderOf(kind), env, deadlineMs: 240_000 }
    return runProgram(process.execPath, [npmPath, ...args, '--no-audit', '--no-fund'], options)
  }

  /** Gives a plugin the packages of another one, which needs the same, instead of fetching them again. */
  shareInstalled(from: Kind, to: Kind): void {
    symlinkSync(join(this.folderOf(from), 'node_modules'), join(this.folderOf(to), 'node_modules'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry.stop()
    this.#scratch.remove()
  }
}
