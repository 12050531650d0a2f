import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cleanEnvironment } from './clean-environment.ts'
import { freePort } from './free-port.ts'
import { mustRun } from './run-program.ts'
import { RunningProgram } from './running-program.ts'
import { makeScratch, type Scratch } from './scratch.ts'
import { waitFor } from './wait-for.ts'

const repository = join(import.meta.dirname, '..', '..')
const npmPath = join(repository, 'node_modules/npm/bin/npm-cli.js')
const verdaccioPath = join(repository, 'node_modules/verdaccio/bin/verdaccio')

/** How {@link startVerdaccio} starts it. */
export interface VerdaccioOptions {
  /**
   * Whether packages of other people are fetched from the registry that npm is configured with; true when absent. Names that
   * begin with `@walr/`, `@acme/` or `walr-` never are.
   */
  readonly uplink?: boolean
}

/**
 * Starts a registry of its own (verdaccio), with nothing in it, which everybody may publish to. Use it as in
 *
 *     await using registry = await startVerdaccio()
 *     await registry.publishWorkspace(['@walr/plugin-kit', '@walr/plugin-gcs'])
 *     await runWalr(['plugins:install', '@walr/plugin-gcs'], { env: { ...registry.environment, WALR_DATA_DIR: folder } })
 *
 * With {@link Verdaccio.environment} npm, and a walr that runs npm, asks this registry. What depends on nobody else's packages
 * needs no network. Made-up plugins should be called `@acme/...` or `walr-...`.
 */
export async function startVerdaccio({ uplink = true }: VerdaccioOptions = {}): Promise<Verdaccio> {
  const scratch = makeScratch('verdaccio')
  try {
    const upstream = uplink ? (await npm(['config', 'get', 'registry'])).trim() : undefined
    const listen = `127.0.0.1:${await freePort()}`
    const configFile = join(scratch.path, 'verdaccio.yaml')
    writeFileSync(configFile, JSON.stringify(configuration(scratch.path, upstream)))
    const args = [verdaccioPath, '--config', configFile, '--listen', listen]
    const program = new RunningProgram(process.execPath, args, { cwd: scratch.path, env: cleanEnvironment() })
    const registry = new Verdaccio(scratch, program, `http://${listen}/`)
    await registry.ready()
    return registry
  } catch (error) {
    scratch.remove()
    throw error
  }
}

/** A registry that runs; see {@link startVerdaccio}. */
export class Verdaccio implements AsyncDisposable {
  /** With a slash at its end. */
  readonly url: string
  /** Variables with which npm asks this registry, with a cache and settings of its own instead of the user's. */
  readonly environment: Readonly<Record<string, string>>
  readonly #scratch: Scratch
  readonly #program: RunningProgram

  constructor(scratch: Scratch, program: RunningProgram, url: string) {
    this.url = url
    this.#scratch = scratch
    this.#program = program
    const userconfig = join(scratch.path, 'npmrc')
    // npm wants a token for publishing; any will do where everybody may.
    writeFileSync(userconfig, `registry=${url}\n${url.replace('http:', '')}:_authToken=anybody\n`)
    this.environment = {
      npm_config_registry: url,
      npm_config_userconfig: userconfig,
      npm_config_cache: join(scratch.path, 'npm-cache'),
      npm_config_update_notifier: 'false',
    }
  }

  /** Publishes a packed package, which then is the version `latest`. */
  async publish(tarballPath: string): Promise<void> {
    await npm(['publish', tarballPath, '--access', 'public', '--ignore-scripts'], this.environment)
  }

  /**
   * Packs packages of this repository as they are built at the moment, and publishes them.
   * @param names such as `@walr/plugin-gcs`. What they depend on has to be among them.
   */
  async publishWorkspace(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const tarball = await packFolder(workspaceFolder(name), this.#scratch.path)
      await this.publish(tarball)
    }
  }

  /** Resolves when it answers. */
  async ready(): Promise<void> {
    const answers = async (): Promise<boolean> => {
      if (!this.#program.isRunning) return true
      const answer = await fetch(`${this.url}-/ping`)
      await answer.arrayBuffer()
      return answer.ok
    }
    await waitFor('verdaccio answers', answers)
    if (!this.#program.isRunning) {
      throw new Error(`verdaccio has ended:\n${[...this.#program.stdout, ...this.#program.stderr].join('\n')}`)
    }
  }

  /** Ends it and removes all that was published. Idempotent. */
  async stop(): Promise<void> {
    await this.#program[Symbol.asyncDispose]()
    this.#scratch.remove()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

/** Packs the package in `folder` into `destination`, without running its scripts. @returns the path of the tarball. */
export async function packFolder(folder: string, destination: string): Promise<string> {
  const args = ['pack', folder, '--pack-destination', destination, '--ignore-scripts', '--loglevel=error']
  const lines = (await npm(args)).trim().split('\n')
  return join(destination, lines.at(-1) ?? '')
}

async function npm(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<string> {
  const env = cleanEnvironment({ npm_config_update_notifier: 'false', ...more })
  return mustRun(process.execPath, [npmPath, ...args], { cwd: repository, env })
}

/** YAML, of which JSON is a part. */
function configuration(folder: string, upstream: string | undefined): unknown {
  const everybody = { access: '$all', publish: '$all', unpublish: '$all' }
  return {
    storage: join(folder, 'storage'),
    ...(upstream !== undefined && { uplinks: { upstream: { url: upstream, timeout: '60s', max_fails: 100 } } }),
    packages: {
      '@walr/*': everybody,
      '@acme/*': everybody,
      'walr-*': everybody,
      '**': { ...everybody, ...(upstream !== undefined && { proxy: 'upstream' }) },
    },
    auth: { htpasswd: { file: join(folder, 'htpasswd'), max_users: -1 } },
    web: { enable: false },
    max_body_size: '100mb',
    log: { type: 'stdout', format: 'pretty', level: 'warn' },
  }
}

function workspaceFolder(name: string): string {
  const packages = join(repository, 'packages')
  for (const folder of readdirSync(packages)) {
    const manifest: unknown = JSON.parse(readFileSync(join(packages, folder, 'package.json'), 'utf8'))
    if (typeof manifest === 'object' && manifest !== null && 'name' in manifest && manifest.name === name) {
      return join(packages, folder)
    }
  }
  throw new Error(`there is no package "${name}" in packages/`)
}
