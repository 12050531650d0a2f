import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { installPlugins } from '../../packages/core/src/app/plugins/install-plugins.ts'
import { cleanEnvironment } from '../support/clean-environment.ts'
import { freePort } from '../support/free-port.ts'
import { isAlive } from '../support/process-table.ts'
import { SmallFilesystem } from '../support/small-filesystem.ts'
import { unprivilegedUser } from '../support/unprivileged-user.ts'
import { waitFor } from '../support/wait-for.ts'
import { startWalr, type WalrOptions } from '../support/walr-process.ts'
import { PluginSite, type MadeUpPlugin } from './plugin-site.ts'
import { silentLogger } from './silent-logger.ts'

let site: PluginSite
beforeEach(() => {
  site = new PluginSite()
})
afterEach(() => site[Symbol.asyncDispose]())

/** Runs an installation that has to fail, and looks whether anything was changed by it. @returns what was said. */
async function failing(args: readonly string[], options: WalrOptions = {}): Promise<string> {
  const before = site.snapshot()
  const { exitCode, stdout, stderr } = await site.walr(['install', ...args], options)
  expect(exitCode, `${stdout}${stderr}`).toBe(1)
  expect(site.snapshot()).toEqual(before)
  return stderr
}

/** Code that leaves a trace of having been run. */
const trace = (): string => join(site.path, 'was-run')
const traced = (): string => `require('fs').writeFileSync(${JSON.stringify(trace())}, String(process.pid))`

describe('an installation that fails changes nothing, neither data directory nor configuration, and says', () => {
  it.each<[string, () => MadeUpPlugin, readonly string[]]>([
    [
      'that a package is no plugin, whose scripts are not run',
      () => ({
        manifest: { walr: undefined, scripts: { postinstall: 'node ./lib/run.cjs' } },
        files: { 'lib/run.cjs': traced() },
      }),
      ['"walr-x" is not a walr plugin: "node_modules/walr-x/package.json" has no section "walr"'],
    ],
    [
      'that it speaks another version of the contract',
      () => ({ manifest: { walr: { apiVersion: 2, provides: ['codec'] } }, code: 'throw new Error("was run")' }),
      ['"walr-x" speaks plugin API 2; this walr speaks 1'],
    ],
    [
      'that it is for another walr',
      () => ({ manifest: { peerDependencies: { '@walr/core': '>=99' } } }),
      ['it or what it depends on does not go with this walr (@walr/core'],
    ],
    [
      'that it cannot be imported',
      () => ({ code: 'throw new Error("boom")' }),
      ['"walr-x" could not be imported: boom'],
    ],
    [
      'that it ends the process',
      () => ({ code: 'process.exit(0)' }),
      ['"walr-x" could not be imported: its thread ended with status 0'],
    ],
    [
      'that it is not what its package.json promises',
      () => ({ manifest: { walr: { apiVersion: 1, provides: ['storage'] } } }),
      ['"walr-x" promises "storage" in its package.json, but has no "createStorage"'],
    ],
    [
      'that its install script fails',
      () => ({ manifest: { scripts: { postinstall: 'echo no compiler here >&2; exit 3' } } }),
      ['could not install "', 'no compiler here'],
    ],
    [
      'that a package which it needs is not to be had offline',
      () => ({ manifest: { dependencies: { 'walr-needed': '^1.0.0' } } }),
      ['it needs packages that are not on this machine, and --offline was given'],
    ],
  ])('%s', async (_what, plugin, texts) => {
    const said = await failing([await site.packed('walr-x', plugin()), '--offline'])
    for (const text of texts) expect(said).toContain(text)
    expect(existsSync(trace())).toBe(false)
  })

  it('that a plugin never ends being imported', async () => {
    const tarball = await site.packed('walr-x', { code: 'for (;;);' })
    const before = site.snapshot()
    const installing = installPlugins([tarball], true, {
      ...{ environment: cleanEnvironment(site.environment), workingDirectory: dirname(site.configFile) },
      ...{ dataDirectories: [site.dataDirectory], configPath: undefined, logger: silentLogger },
      ...{ signal: new AbortController().signal, onStep: () => undefined, onNpmLine: undefined },
      ...{ offline: true, ignoreScripts: false, importLimitMs: 200 },
    })
    await expect(installing).rejects.toThrow('"walr-x" could not be imported: it was not done after 0.2 s')
    expect(site.snapshot()).toEqual(before)
  })

  it('which file is missing, and what cannot be understood', async () => {
    expect(await failing(['./absent.tgz'])).toContain('there is nothing to install at "./absent.tgz"')
    expect(await failing(['acme/walr-x'])).toContain('"acme/walr-x" is nothing that can be installed')
  })

  it('that the configuration has bytes which are not UTF-8', async () => {
    const latin1 = Buffer.from('cluster: main # M\xfcller\n', 'latin1')
    site.write('etc/walr.config.yaml', latin1)
    const said = await failing([await site.packed('walr-x'), '--offline'])
    expect(said).toContain(`configuration file "${site.configFile}" cannot be edited: it is not UTF-8 (line 1)`)
  })

  it('that the configuration is not valid, before anything is fetched', async () => {
    site.write('etc/walr.config.yaml', 'cluster: [')
    const said = await failing([await site.packed('walr-x')])
    expect(said).toContain(`could not load configuration file "${site.configFile}"`)
    expect(said).not.toContain('fetching')
  })

  it('that the configuration cannot be edited, with what to add by hand', async () => {
    site.write('etc/walr.config.yaml', 'cluster: main\nplugins: walr-y\n')
    const said = await failing([await site.packed('walr-x'), '--offline'])
    expect(said).toContain(`configuration file "${site.configFile}" cannot be edited`)
    expect(said).toContain('{"plugins":["walr-x"]}')
  })

  it('that the registry is down, or does not answer', async () => {
    const down = `http://127.0.0.1:${await freePort()}/`
    expect(await failing(['walr-x'], { env: { WALR_NPM_REGISTRY: down } })).toContain(
      'cannot be reached (ECONNREFUSED)',
    )
    const server = createServer(() => undefined).listen(0, '127.0.0.1')
    try {
      await once(server, 'listening')
      const address = server.address()
      const port = typeof address === 'object' ? address?.port : undefined
      const env = { WALR_NPM_REGISTRY: `http://127.0.0.1:${port ?? 0}/`, npm_config_fetch_timeout: '300' }
      expect(await failing(['walr-x'], { env })).toContain('cannot be reached')
    } finally {
      server.close()
    }
  })

  it('of several that one is bad, and installs none', async () => {
    const good = await site.packed('walr-good')
    const bad = await site.packed('walr-bad', { code: 'throw new Error("boom")' })
    expect(await failing([good, bad, '--offline'])).toContain('"walr-bad" could not be imported: boom')
  })

  it('that there is one already, which stays', async () => {
    const tarball = await site.packed('walr-x')
    await site.json(['install', tarball, '--offline'])
    await failing([await site.packed('walr-x', { version: '1.1.0', code: 'throw new Error("boom")' }), '--offline'])
    const listing = await site.json([])
    expect(listing).toMatchObject({
      plugins: expect.arrayContaining([expect.objectContaining({ name: 'walr-x', version: '1.0.0' })]) as unknown,
    })
  })
})

describe('where nothing can be written nothing is changed', () => {
  it("because the configuration is somebody else's", async () => {
    const tarball = await site.packed('walr-x')
    const user = unprivilegedUser()
    if (user) {
      // As nobody, for whom the data directory is made here, and the configuration only to be read.
      rmSync(join(site.path, 'data'), { recursive: true, force: true })
      site.write('nobody/x', '')
      chownSync(join(site.path, 'nobody'), user.uid, user.gid)
    }
    chmodSync(site.configFile, 0o444)
    const folder = user ? join(site.path, 'nobody') : site.path
    const env = { WALR_DATA_DIR: join(folder, 'data'), npm_config_cache: join(folder, 'cache'), HOME: folder }
    const said = await failing([tarball, '--offline'], { env, ...(user && { user }) })
    expect(said).toContain(`could not replace file "${site.configFile}": Permission denied`)
    expect(existsSync(join(folder, 'data'))).toBe(false)
  })

  it('because the disk is full', async () => {
    await using small = new SmallFilesystem(1)
    const tarball = await site.packed('walr-x', { files: { 'lib/big': randomBytes(3_000_000) } })
    const said = await failing([tarball, '--offline'], { env: { WALR_DATA_DIR: join(small.path, 'data') } })
    expect(said).toMatch(/the disk is full|No space left on device/)
    expect(existsSync(join(small.path, 'data'))).toBe(false)
  })
})

describe('an installation that is interrupted', () => {
  const lasting = (): Promise<string> =>
    site.packed('walr-x', {
      manifest: { scripts: { postinstall: 'node ./lib/run.cjs' } },
      files: { 'lib/run.cjs': `${traced()}; setTimeout(() => {}, 600_000)` },
    })

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'by %s ends, with the scripts of packages, and changes nothing',
    async (signal) => {
      const tarball = await lasting()
      const before = site.snapshot()
      const args = ['plugins', 'install', tarball, '--offline']
      await using walr = startWalr(args, { cwd: dirname(site.configFile), env: site.environment })
      const pid = await waitFor('the script runs', () => existsSync(trace()) && Number(readFileSync(trace(), 'utf8')))
      walr.signal(signal)
      expect(await walr.ended()).toBe(1)
      expect(walr.stderr.join('\n')).toContain('what was under way was taken back')
      expect(site.snapshot()).toEqual(before)
      await waitFor('the script ends', () => !isAlive(pid))
    },
  )

  it('by being killed leaves no npm behind, and a folder that the next one removes', async () => {
    const args = ['plugins', 'install', await lasting(), '--offline']
    await using walr = startWalr(args, { cwd: dirname(site.configFile), env: site.environment })
    const pid = await waitFor('the script runs', () => existsSync(trace()) && Number(readFileSync(trace(), 'utf8')))
    walr.signal('SIGKILL')
    await waitFor('the script ends', () => !isAlive(pid))
    await walr.ended()
    await site.json(['install', await site.packed('walr-x'), '--offline'])
    expect(readdirSync(site.dataDirectory).sort()).toEqual(['.walr', 'plugins'])
    expect(readdirSync(join(site.dataDirectory, 'plugins'))).toEqual(['walr-x'])
  })
})
