import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cleanEnvironment } from '../support/clean-environment.ts'
import { mustRun, type ProgramResult } from '../support/run-program.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { runWalr, type WalrOptions } from '../support/walr-process.ts'
import { codecPlugin } from './plugin-workspace.ts'

/** What a made-up plugin has otherwise than all others. */
export interface MadeUpPlugin {
  readonly version?: string
  /** Fields of its package.json; `walr` among them. */
  readonly manifest?: Readonly<Record<string, unknown>>
  /** All of its code. */
  readonly code?: string
  /** Further files, by their paths. */
  readonly files?: Readonly<Record<string, string | Buffer>>
}

/** The configuration of a {@link PluginSite}, with comments in odd places. */
export const SITE_CONFIG = `# the first line
cluster: main   # behind a value

receive: {directory: ./wal} # in one line
# between sections

archive:
    # indented by four
    storage: { use: local, path: '/archive' }
# the last line, without a line break`

/** A folder with a configuration file, a data directory that does not exist yet, and made-up plugins. */
export class PluginSite implements AsyncDisposable {
  readonly #scratch: Scratch = makeScratch('plugin-site')
  readonly path: string = realpathSync(this.#scratch.path)
  readonly dataDirectory: string = join(this.path, 'data')
  readonly configFile: string = join(this.path, 'etc/walr.config.yaml')
  /** For walr, beside the data directory. Without it npm would use the user's settings and reach for the network. */
  readonly #environment: Readonly<Record<string, string | undefined>>

  constructor(environment: Readonly<Record<string, string | undefined>> = {}) {
    this.write('npmrc', '')
    this.#environment = {
      npm_config_registry: 'http://127.0.0.1:1/',
      npm_config_fetch_retries: '0',
      npm_config_userconfig: join(this.path, 'npmrc'),
      npm_config_cache: join(this.path, 'npm-cache'),
      ...environment,
    }
    this.write('etc/walr.config.yaml', SITE_CONFIG)
  }

  get config(): string {
    return readFileSync(this.configFile, 'utf8')
  }

  /** The variables that walr is run with here, in an environment that has no others of its own. */
  get environment(): Readonly<Record<string, string | undefined>> {
    return { WALR_DATA_DIR: this.dataDirectory, ...this.#environment }
  }

  /** Runs `walr plugins` with these words, where the configuration is. */
  walr(args: readonly string[], { env = {}, ...options }: WalrOptions = {}): Promise<ProgramResult> {
    const cwd = dirname(this.configFile)
    return runWalr(['plugins', ...args], { cwd, ...options, env: { ...this.environment, ...env } })
  }

  /** As {@link walr}, with `--json`; rejects when that fails. */
  async json(args: readonly string[], options: WalrOptions = {}): Promise<unknown> {
    const { exitCode, stdout, stderr } = await this.walr([...args, '--json'], options)
    if (exitCode !== 0) throw new Error(`walr plugins ${args.join(' ')}: ${stderr}`)
    return JSON.parse(stdout)
  }

  /** Writes a file below the folder. @returns its path. */
  write(path: string, content: string | Buffer): string {
    const file = join(this.path, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
    return file
  }

  /** Writes the folder of a plugin with a codec. @returns its path. */
  plugin(name: string, { version = '1.0.0', manifest = {}, code, files = {} }: MadeUpPlugin = {}): string {
    const folder = `sources/${name.replace('/', '+')}-${version}`
    const walr = { apiVersion: 1, provides: ['codec'] }
    const base = { name, version, type: 'module', exports: { '.': { import: './lib/index.js' } }, walr }
    this.write(`${folder}/package.json`, JSON.stringify({ ...base, ...manifest }))
    this.write(`${folder}/lib/index.js`, code ?? codeOf(name))
    for (const [path, content] of Object.entries(files)) this.write(`${folder}/${path}`, content)
    return join(this.path, folder)
  }

  /** As {@link plugin}, packed. @returns the path of the tarball. */
  async packed(name: string, plugin: MadeUpPlugin = {}): Promise<string> {
    const folder = this.plugin(name, plugin)
    const tarball = `${folder}.tgz`
    const args = ['-czf', tarball, '--transform', 's,^\\.,package,', '-C', folder, '.']
    await mustRun('tar', args, { env: cleanEnvironment() })
    return tarball
  }

  /** Everything in the data directory and beside the configuration: names, modes, links and contents. */
  snapshot(): readonly string[] {
    return [...treeOf(this.dataDirectory), ...treeOf(dirname(this.configFile))]
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#scratch.remove()
    return Promise.resolve()
  }
}

/** Code of a plugin that needs the contract, as any real one does. */
function codeOf(name: string): string {
  const options = `[
    { name: 'level', type: 'integer', summary: 'How hard it tries.', default: '3' },
    { name: 'key', type: 'string', summary: 'What it keeps to itself.', secret: true },
  ]`
  const plugin = codecPlugin(name, { options }, `import { definePlugin } from '@walr/core/plugin'`)
  return plugin.replace(/export default (.*)$/s, 'export default definePlugin($1)')
}

function treeOf(path: string): readonly string[] {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (!stats) return [`${path} absent`]
  const mode = stats.mode.toString(8)
  if (stats.isSymbolicLink()) return [`${path} -> ${readlinkSync(path)}`]
  if (!stats.isDirectory()) return [`${path} ${mode} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`]
  return [
    `${path}/ ${mode}`,
    ...readdirSync(path)
      .sort()
      .flatMap((name) => treeOf(join(path, name))),
  ]
}
