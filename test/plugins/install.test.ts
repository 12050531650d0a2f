import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cleanEnvironment } from '../support/clean-environment.ts'
import { mustRun } from '../support/run-program.ts'
import { startVerdaccio, type Verdaccio } from '../support/verdaccio.ts'
import { runWalr } from '../support/walr-process.ts'
import { PluginSite, SITE_CONFIG } from './plugin-site.ts'
import { codecPlugin } from './plugin-workspace.ts'

let site: PluginSite
beforeEach(() => {
  site = new PluginSite()
})
afterEach(() => site[Symbol.asyncDispose]())

/** What `walr config validate` says. */
async function validated(): Promise<string> {
  const env = site.environment
  const { stdout, stderr } = await runWalr(['config', 'validate'], { cwd: dirname(site.configFile), env })
  return stdout + stderr
}

describe('from the registry', () => {
  let registry: Verdaccio
  beforeAll(async () => {
    registry = await startVerdaccio({ uplink: false })
  })
  afterAll(() => registry.stop())

  it('a plugin is installed by name or range, kept up to date with what goes with this walr, and removed', async () => {
    await using here = new PluginSite(registry.environment)
    const publish = async (version: string, manifest = {}): Promise<void> => {
      const peerDependencies = { '@walr/core': '>=0.1.0 <2' }
      await registry.publish(
        await here.packed('@acme/walr-x', { version, manifest: { peerDependencies, ...manifest } }),
      )
    }
    await publish('1.0.0')
    expect(await here.json(['install', '@acme/walr-x'])).toMatchObject({
      dataDirectory: here.dataDirectory,
      plugins: [
        { name: '@acme/walr-x', version: '1.0.0', previousVersion: null, status: 'installed', provides: ['codec'] },
      ],
      config: { status: 'changed', file: here.configFile },
    })
    expect(here.config.startsWith(SITE_CONFIG)).toBe(true)
    const before = here.snapshot()
    const again = await here.walr(['install', '@acme/walr-x'])
    expect(again.stdout).toContain('@acme/walr-x 1.0.0 is installed already')
    expect(here.snapshot()).toEqual(before)

    await publish('1.1.0')
    await publish('1.2.0', { peerDependencies: { '@walr/core': '>=99' } })
    await publish('2.0.0', { walr: { apiVersion: 2, provides: ['codec'] } })
    expect(await here.json(['update'])).toEqual({
      plugins: [{ name: '@acme/walr-x', status: 'updated', version: '1.1.0', previousVersion: '1.0.0' }],
    })
    expect((await here.walr(['update', '@acme/walr-x'])).stdout).toBe('@acme/walr-x 1.1.0 is the newest that fits\n')

    const refused = await here.walr(['install', '@acme/walr-x@1.2'])
    expect(refused.stderr).toContain('does not go with this walr')
    expect(refused.stderr).toContain('walr plugins install @acme/walr-x@1.1.0')
    const lower = await here.json(['install', '@acme/walr-x@<1.1'])
    expect(lower).toMatchObject({ plugins: [{ version: '1.0.0', previousVersion: '1.1.0' }] })
    expect((await here.walr(['update'])).stdout).toBe('@acme/walr-x 1.0.0 is the newest that fits\n')
    // The one before stays for daemons that run; no other does.
    const generations = readdirSync(join(here.dataDirectory, 'plugins/@acme+walr-x'))
    expect(generations.map((name) => name.split('-')[0]).sort()).toEqual(['1.0.0', '1.1.0', 'current'])

    const fitting = await here.walr(['install', '@acme/walr-x'])
    expect(fitting.stderr).toContain('newer versions of "@acme/walr-x" do not go with this walr; 1.1.0 is taken')
    expect(fitting.stdout).toContain('installed @acme/walr-x 1.1.0 in place of 1.0.0')

    expect((await here.walr(['uninstall', '@acme/walr-x'])).exitCode).toBe(0)
    expect(here.config).toBe(SITE_CONFIG)
    expect(existsSync(join(here.dataDirectory, 'plugins'))).toBe(false)
  })

  it('a name typed wrong has a hint', async () => {
    const { stderr, exitCode } = await site.walr(['install', '@walr/plugin-gsc'], { env: registry.environment })
    expect(exitCode).toBe(1)
    expect(stderr).toContain('could not install "@walr/plugin-gsc": the registry has no such package')
    expect(stderr).toContain('Did you mean "@walr/plugin-gcs"?')
  })

  it('an optional dependency that cannot be built is done without, and scripts of the others have run', async () => {
    await using here = new PluginSite(registry.environment)
    const script = (name: string, postinstall: string) =>
      here.packed(name, { manifest: { walr: undefined, scripts: { postinstall } } })
    await registry.publish(await script('walr-native', 'exit 1'))
    await registry.publish(await script('walr-built', 'echo built > built.txt'))
    const manifest = {
      dependencies: { 'walr-built': '1.0.0' },
      optionalDependencies: { 'walr-native': '1.0.0' },
    }
    await registry.publish(await here.packed('walr-needs', { manifest }))
    await here.json(['install', 'walr-needs'])
    const modules = join(here.dataDirectory, 'plugins/walr-needs/current/node_modules')
    expect(existsSync(join(modules, 'walr-built/built.txt'))).toBe(true)
    expect(existsSync(join(modules, 'walr-native'))).toBe(false)
  })

  it('one plugin that cannot be updated keeps no other from it, and shows in the exit status', async () => {
    await using here = new PluginSite(registry.environment)
    await registry.publish(await here.packed('walr-a'))
    await registry.publish(await here.packed('walr-b'))
    await here.json(['install', 'walr-a', 'walr-b'])
    await registry.publish(await here.packed('walr-a', { version: '1.1.0', code: 'throw new Error("boom")' }))
    await registry.publish(await here.packed('walr-b', { version: '1.1.0' }))
    const { exitCode, stdout, stderr } = await here.walr(['update'])
    expect(exitCode).toBe(1)
    expect(stderr).toContain('"walr-a" could not be imported: boom')
    expect(stdout).toBe('updated walr-b from 1.0.0 to 1.1.0\n')
  })
})

describe('without a network', () => {
  it('a plugin is installed from a tarball that bundles what it needs, and the configuration can use it', async () => {
    const tarball = await site.packed('walr-x', {
      manifest: { dependencies: { 'walr-needed': '^1.0.0' }, bundleDependencies: ['walr-needed'] },
      files: {
        'node_modules/walr-needed/package.json': JSON.stringify({
          name: 'walr-needed',
          version: '1.0.0',
          main: 'x.js',
        }),
        'node_modules/walr-needed/x.js': '',
      },
    })
    // The colon is oclif's own way of writing commands, and that of the first documents.
    const args = ['plugins:install', tarball, '--offline']
    const { exitCode, stderr } = await runWalr(args, { cwd: dirname(site.configFile), env: site.environment })
    expect(exitCode, stderr).toBe(0)
    expect(site.config.startsWith(SITE_CONFIG)).toBe(true)
    expect(site.config).toContain('plugins:\n  - "walr-x"\n')
    const used = site.config.replace("storage: { use: local, path: '/archive' }", '$&\n    codecs: [{ use: walr-x }]')
    site.write('etc/walr.config.yaml', used)
    expect(await validated()).toBe(`configuration file "${site.configFile}" is valid\n`)

    const refused = await site.walr(['uninstall', 'walr-x'])
    expect(refused.exitCode).toBe(1)
    expect(refused.stderr).toContain(
      `"walr-x" is in use: configuration file "${site.configFile}" has it at archive.codecs[0]`,
    )
    expect(site.config).toBe(used)
    const stays = await site.walr(['update'])
    expect(stays.stdout).toBe(`walr-x 1.0.0 stays: it comes from the file "${tarball}"; install a newer file\n`)
    expect((await site.walr(['update', 'walr-x'])).exitCode).toBe(1)
  })

  it('a data directory that was filled on another machine works where it is copied to', async () => {
    const manifest = { dependencies: { 'walr-needed': '^1.0.0' }, bundleDependencies: ['walr-needed'] }
    const needed = JSON.stringify({ name: 'walr-needed', version: '1.0.0', type: 'module', exports: './x.js' })
    const tarball = await site.packed('walr-x', {
      manifest,
      code: `import 'walr-needed'\n${codecPlugin('walr-x')}`,
      files: { 'node_modules/walr-needed/package.json': needed, 'node_modules/walr-needed/x.js': '' },
    })
    await site.json(['install', tarball, '--offline', '--no-config'], { env: { WALR_DATA_DIR: `${site.path}/filled` } })
    const archive = join(site.path, 'walr-plugins.tgz')
    await mustRun('tar', ['-czf', archive, '-C', join(site.path, 'filled'), 'plugins'], { env: cleanEnvironment() })
    rmSync(join(site.path, 'filled'), { recursive: true })
    mkdirSync(site.dataDirectory)
    const unpack = ['-xzf', archive, '--no-same-owner', '-C', site.dataDirectory]
    await mustRun('tar', unpack, { env: cleanEnvironment() })
    const used = SITE_CONFIG.replace("storage: { use: local, path: '/archive' }", '$&\n    codecs: [{ use: walr-x }]')
    site.write('etc/walr.config.yaml', `${used}\nplugins: [walr-x]\n`)
    expect(await validated()).toBe(`configuration file "${site.configFile}" is valid\n`)
    const [listed] = (await site.walr([])).stdout.split('\n').filter((line) => line.startsWith('walr-x '))
    expect(listed).toContain('archive.codecs[0]')
  })

  it('a folder is copied, and taken anew with an update', async () => {
    const folder = site.plugin('walr-x')
    await site.json(['install', '../sources/walr-x-1.0.0'])
    const read = (): string =>
      readFileSync(join(site.dataDirectory, 'plugins/walr-x/current/node_modules/walr-x/lib/index.js'), 'utf8')
    const code = read()
    site.write('sources/walr-x-1.0.0/lib/index.js', `${code}// changed\n`)
    expect(read()).toBe(code)
    expect((await site.walr(['update'])).stdout).toBe('installed walr-x 1.0.0 anew\n')
    expect(read()).toBe(`${code}// changed\n`)
    expect(existsSync(join(folder, 'node_modules'))).toBe(false)
  })

  it('a folder that cannot be built, or is none of a package, is told with what to do', async () => {
    const folder = site.plugin('walr-x', { manifest: { scripts: { prepare: 'echo "no compiler" >&2; exit 3' } } })
    const unbuilt = await site.walr(['install', folder, '--offline'])
    expect(unbuilt.stderr).toContain(`could not install "${folder}": its own script failed: echo "no compiler"`)
    expect(unbuilt.stderr).toContain('\nno compiler\n')
    expect(unbuilt.stderr).toContain(`hint: Run "npm install" in "${folder}" first`)
    const none = await site.walr(['install', join(site.path, 'etc'), '--offline'])
    expect(none.stderr).toContain(`could not install "${join(site.path, 'etc')}": the folder has no package.json`)
  })

  it('a git repository is built by its own script, and fetched again with an update', async () => {
    const folder = site.plugin('walr-x', {
      manifest: { exports: './built/index.js', scripts: { prepare: 'mkdir -p built && cp lib/index.js built' } },
    })
    const git = (...args: readonly string[]): Promise<string> => {
      const who = ['-c', 'user.name=x', '-c', 'user.email=x@example.com', '-c', 'init.defaultBranch=main']
      return mustRun('git', [...who, ...args], {
        cwd: folder,
        env: cleanEnvironment({ GIT_CONFIG_GLOBAL: '/dev/null' }),
      })
    }
    await git('init', '--quiet')
    await git('add', '.')
    await git('commit', '--quiet', '-m', 'one')
    const bare = join(site.path, 'walr-x.git')
    await git('clone', '--quiet', '--bare', folder, bare)
    await site.json(['install', `git+file://${bare}`])
    expect((await site.walr(['update'])).stdout).toBe('walr-x 1.0.0 is the newest that fits\n')
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as object
    site.write('sources/walr-x-1.0.0/package.json', JSON.stringify({ ...manifest, version: '1.5.0' }))
    await git('commit', '--quiet', '-am', 'two')
    await git('push', '--quiet', bare, 'HEAD')
    expect((await site.walr(['update', 'walr-x'])).stdout).toBe('updated walr-x from 1.0.0 to 1.5.0\n')
  })
})

describe('the configuration file', () => {
  it('keeps mode, owner and the link that leads to it', async () => {
    const real = site.write('real/walr.yaml', SITE_CONFIG)
    chmodSync(real, 0o640)
    symlinkSync(real, join(site.path, 'etc/link.yaml'))
    await site.json(['install', await site.packed('walr-x'), '--offline', '--config', 'link.yaml'])
    expect(readFileSync(real, 'utf8')).toContain('"walr-x"')
    expect(statSync(real).mode & 0o777).toBe(0o640)
    expect(site.config).toBe(SITE_CONFIG)
    expect(readdirSync(join(site.path, 'real'))).toEqual(['walr.yaml'])
  })

  it('in JSON, or a part of a package.json, gets the name', async () => {
    const tarball = await site.packed('walr-x')
    for (const [name, before, after] of [
      ['x.json', '{"cluster": "main"}', { cluster: 'main', plugins: ['walr-x'] }],
      ['package.json', '{"name": "x", "walr": {"plugins": ["y"]}}', { name: 'x', walr: { plugins: ['y', 'walr-x'] } }],
    ] as const) {
      const file = site.write(`json/${name}`, before)
      await site.json(['install', tarball, '--offline', '--config', file])
      expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(after)
      expect((await site.walr(['uninstall', 'walr-x', '--config', file])).exitCode).toBe(0)
      expect(readFileSync(file, 'utf8')).not.toContain('walr-x')
    }
  })

  it('is left alone when it is a program, or when that is asked, and what to add is said', async () => {
    const tarball = await site.packed('walr-x')
    const module = site.write('etc/other.mjs', 'export default { cluster: "main" }\n')
    const said = await site.walr(['install', tarball, '--offline', '--config', module])
    expect(said.stdout).toContain(`"${module}" is a program; add this to it: plugins: ["walr-x"]`)
    expect(readFileSync(module, 'utf8')).toBe('export default { cluster: "main" }\n')
    const asked = await site.walr(['install', tarball, '--offline', '--no-config'])
    expect(asked.stdout).toContain('walr-x 1.0.0 is installed already')
    expect(asked.stdout).toContain('the configuration was left alone; its list "plugins" has to have ["walr-x"]')
    expect(site.config).toBe(SITE_CONFIG)
    const nowhere = await site.walr(['install', tarball, '--offline'], { cwd: site.path })
    expect(nowhere.stdout).toContain('no configuration file was found; its list "plugins" has to have ["walr-x"]')
    const added = await site.walr(['install', tarball, '--offline'])
    expect(added.stdout).toContain('walr-x 1.0.0 is installed already')
    expect(site.config).toContain('plugins:\n  - "walr-x"\n')
  })
})

describe('plugins are listed and inspected', () => {
  it('with where they come from, what uses them, and what is wrong with them', async () => {
    await site.json(['install', await site.packed('walr-installed'), '--offline'])
    site.write(
      'etc/mine/package.json',
      JSON.stringify({ name: 'mine', version: '3.0.0', walr: { apiVersion: 7, provides: ['storage'] } }),
    )
    site.write(
      'etc/walr.config.yaml',
      'cluster: main\nplugins: ["walr-installed", "./mine", "absent"]\narchive: { storage: { use: "./mine" }, codecs: [{ use: zstd }, { use: "${CODEC}" }] }\n',
    )
    const listing = await site.json(['list'], { env: { CODEC: 'walr-installed' } })
    const none = { version: null, apiVersion: null, provides: [], spec: null }
    expect(listing).toMatchObject({
      configFile: site.configFile,
      dataDirectories: [site.dataDirectory],
      plugins: expect.arrayContaining([
        expect.objectContaining({ name: 'zstd', source: 'built-in', configured: false, usedAt: ['archive.codecs[0]'] }),
        expect.objectContaining({
          ...{ name: 'walr-installed', version: '1.0.0', apiVersion: 1, provides: ['codec'], source: 'data-directory' },
          ...{ path: site.dataDirectory, spec: join(site.path, 'sources/walr-installed-1.0.0.tgz'), fault: null },
          ...{ configured: true, usedAt: ['archive.codecs[1]'] },
        }),
        expect.objectContaining({
          ...{ ...none, name: './mine', source: 'folder', configured: true, usedAt: ['archive.storage'] },
          fault: 'speaks plugin API 7; this walr speaks 1. Update walr, or install an older version of mine',
        }),
        expect.objectContaining({ ...none, name: 'absent', source: 'missing', configured: true, usedAt: [] }),
      ]) as unknown,
    })
    const { stdout, exitCode } = await site.walr([])
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^walr-installed +1\.0\.0 +codec +1 +\S+data \(\S+\.tgz\) +yes, not used$/m)
    expect(stdout).toContain('"absent" is not installed; run "walr plugins install absent"')
  })

  it('with their options, whether built in, installed or in a folder', async () => {
    const folder = site.plugin('walr-folder', {
      manifest: { description: 'Changes nothing.' },
      code: `export default {
      name: 'walr-folder', apiVersion: 1, parseOptions: (x) => x, createCodec: () => {},
      options: [{ name: 'level', type: 'integer', summary: 'How hard.', default: '3' }, { name: 'key', type: 'string', summary: 'Which.', secret: true, required: true }] }`,
    })
    await site.json(['install', await site.packed('walr-installed'), '--offline'])
    expect(await site.json(['inspect', 'zstd'])).toMatchObject({ name: 'zstd', provides: ['codec'], path: null })
    expect(await site.json(['inspect', 'walr-installed'])).toMatchObject({
      version: '1.0.0',
      apiVersion: 1,
      options: [{ name: 'level' }, { name: 'key' }],
    })
    expect(await site.json(['inspect', '../sources/walr-folder-1.0.0'])).toEqual({
      ...{ name: 'walr-folder', version: '1.0.0', description: 'Changes nothing.', apiVersion: 1, provides: ['codec'] },
      options: [
        { name: 'level', type: 'integer', summary: 'How hard.', default: '3' },
        { name: 'key', type: 'string', summary: 'Which.', required: true, secret: true },
      ],
      path: folder,
    })
    const { stdout } = await site.walr(['inspect', folder])
    expect(stdout).toMatch(/^key +string +\(required\) +Which\. \(secret\)$/m)
    const wrong = await site.walr(['inspect', 'walr-instaled'])
    expect(wrong.stderr).toContain('Did you mean "walr-installed"?')
  })

  it('without anything in its texts that would change the terminal', async () => {
    const odd = {
      manifest: { description: 'Red \u001b[31m\nand over lines.' },
      code: codecPlugin('walr-odd', {
        options: `[{ name: 'level', type: 'integer', summary: 'Rings \\u0007.', default: '\\u001b[2J' }]`,
      }),
    }
    const tarball = await site.packed('walr-odd', odd)
    const { stdout } = await site.walr(['inspect', tarball.replace(/\.tgz$/, '')])
    expect(stdout).toContain('walr-odd: Red ?[31m and over lines.\n')
    expect(stdout).toMatch(/^level +integer +\?\[2J +Rings \?\.$/m)
    await site.json(['install', tarball, '--offline'])
    expect(site.config).not.toMatch(/[^\P{Cc}\n]/u)
  })

  it('when a word is missing, which one is said', async () => {
    const { exitCode, stderr } = await site.walr(['install'])
    expect(exitCode).toBe(1)
    expect(stderr).toContain('error: Missing 1 required arg: plugin: NAME, NAME@RANGE, a .tgz file')
  })

  it('a word that is no command has a hint', async () => {
    const { exitCode, stderr } = await site.walr(['instal'])
    expect(exitCode).toBe(1)
    expect(stderr).toContain('Did you mean "walr plugins install"?')
  })
})

it('a codec that is removed is warned of, since an archive may need it', async () => {
  await site.json(['install', await site.packed('walr-x'), '--offline'])
  const { stderr, exitCode } = await site.walr(['uninstall', 'walr-x'])
  expect(exitCode).toBe(0)
  expect(stderr).toContain('what was archived with the codec of "walr-x" cannot be read without it')
  const gone = await site.walr(['uninstall', 'walr-x'])
  expect(gone.exitCode).toBe(1)
  expect(gone.stderr).toContain(`"walr-x" is not installed in "${site.dataDirectory}"`)
})
