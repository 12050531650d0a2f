import { existsSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { installPlugins } from '../../packages/core/src/app/plugins/install-plugins.ts'
import type { PluginContext } from '../../packages/core/src/app/plugins/plugin-context.ts'
import { uninstallPlugin } from '../../packages/core/src/app/plugins/uninstall-plugin.ts'
import { updatePlugins } from '../../packages/core/src/app/plugins/update-plugins.ts'
import { lockDirectory } from '../../packages/core/src/disk/directory-lock.ts'
import { PluginStore } from '../../packages/core/src/plugins/installer/plugin-store.ts'
import { cleanEnvironment } from '../support/clean-environment.ts'
import { runWalr } from '../support/walr-process.ts'
import { PluginSite, SITE_CONFIG } from './plugin-site.ts'
import { silentLogger } from './silent-logger.ts'

let site: PluginSite
beforeEach(() => {
  site = new PluginSite()
})
afterEach(() => site[Symbol.asyncDispose]())

function context(onStep: (step: string) => void = () => undefined): PluginContext {
  return {
    ...{ environment: cleanEnvironment(site.environment), workingDirectory: dirname(site.configFile) },
    ...{ dataDirectories: [site.dataDirectory], configPath: undefined, logger: silentLogger },
    ...{ signal: new AbortController().signal, onStep, onNpmLine: undefined, offline: true, ignoreScripts: false },
  }
}

/**
 * Runs it while this process has the data directory locked, until it waits for that.
 * @returns what was there while it waited, and what it came to afterwards.
 */
async function whileLocked<T>(run: (context: PluginContext) => Promise<T>): Promise<[readonly string[], T]> {
  const lock = await lockDirectory(site.dataDirectory)
  const waits = Promise.withResolvers<undefined>()
  const running = run(
    context((step) => {
      if (step.startsWith('waiting: ')) waits.resolve(undefined)
    }),
  )
  await Promise.race([waits.promise, running])
  const meanwhile = await state()
  await lock.release()
  return [meanwhile, await running]
}

/** Versions that are installed, and whether the configuration has them. */
async function state(): Promise<readonly string[]> {
  const generation = await new PluginStore(site.dataDirectory).current('walr-x')
  const version = generation === undefined ? 'none' : basename(generation).replace(/-[0-9a-f]{8}$/, '')
  return [version, site.config.includes('"walr-x"') ? 'listed' : 'not listed']
}

it('what another walr has begun is waited for before anything changes', async () => {
  site.write('data/x', '')
  const folder = site.plugin('walr-x')
  const [beforeInstall] = await whileLocked((here) => installPlugins([folder], true, here))
  expect(beforeInstall).toEqual(['none', 'not listed'])
  expect(await state()).toEqual(['1.0.0', 'listed'])
  site.write('sources/walr-x-1.0.0/package.json', manifestOf('1.1.0'))
  const [beforeUpdate, updated] = await whileLocked((here) => updatePlugins([], here))
  expect(beforeUpdate).toEqual(['1.0.0', 'listed'])
  expect(updated).toMatchObject([{ status: 'updated', version: '1.1.0' }])
  const [beforeUninstall] = await whileLocked((here) => uninstallPlugin('walr-x', true, here))
  expect(beforeUninstall).toEqual(['1.1.0', 'listed'])
  expect(await state()).toEqual(['none', 'not listed'])
  expect(site.config).toBe(SITE_CONFIG)
  expect(existsSync(join(site.dataDirectory, 'plugins'))).toBe(false)
  // npm writes addresses with their passwords there, for everybody to read
  const logs = join(site.path, 'npm-cache/_logs')
  expect(existsSync(logs) ? readdirSync(logs) : []).toEqual([])
})

it('an update that another walr was quicker than changes nothing', async () => {
  await site.json(['install', site.plugin('walr-x')])
  site.write('sources/walr-x-1.0.0/package.json', manifestOf('1.1.0'))
  const [, updated] = await whileLocked(async (here) => {
    const onStep = (step: string): void => {
      if (step.startsWith('waiting: ')) rmSync(join(site.dataDirectory, 'plugins/walr-x/current'))
      here.onStep(step)
    }
    return updatePlugins(['walr-x'], { ...here, onStep })
  })
  expect(updated).toMatchObject([{ status: 'failed', error: { code: 'WALR_PLUGIN' } }])
  expect((await state())[0]).toBe('none')
})

function manifestOf(version: string): string {
  const walr = { apiVersion: 1, provides: ['codec'] }
  return JSON.stringify({
    name: 'walr-x',
    version,
    type: 'module',
    exports: { '.': { import: './lib/index.js' } },
    walr,
  })
}

describe('a removal that is killed', () => {
  /** Code that kills its process before or after a new configuration file takes the place of the old one. */
  const killer = (when: 'before' | 'after'): string => {
    const kill = `process.kill(process.pid, 'SIGKILL')`
    return site.write(
      `kill-${when}.mjs`,
      `import fs from 'node:fs/promises'
      import { syncBuiltinESMExports } from 'node:module'
      const { rename } = fs
      fs.rename = async (from, to) => {
        const isConfig = to === ${JSON.stringify(site.configFile)}
        if (isConfig && ${when === 'before'}) ${kill}
        await rename(from, to)
        if (isConfig) ${kill}
      }
      syncBuiltinESMExports()`,
    )
  }

  it('leaves a configuration that walr starts with, and is done when it is run again', async () => {
    await site.json(['install', await site.packed('walr-x'), '--offline'])
    const beside = (): readonly string[] => readdirSync(dirname(site.configFile))
    const [before, after] = [killer('before'), killer('after')]
    const early = await site.walr(['uninstall', 'walr-x'], { env: { NODE_OPTIONS: `--import=${before}` } })
    expect(early.signal).toBe('SIGKILL')
    expect(await state()).toEqual(['1.0.0', 'listed'])
    expect(beside()).toHaveLength(2)
    const late = await site.walr(['uninstall', 'walr-x'], { env: { NODE_OPTIONS: `--import=${after}` } })
    expect(late.signal).toBe('SIGKILL')
    expect(await state()).toEqual(['1.0.0', 'not listed'])
    expect(beside()).toEqual(['walr.config.yaml'])
    const options = { cwd: dirname(site.configFile), env: site.environment }
    expect((await runWalr(['config', 'validate'], options)).exitCode).toBe(0)
    expect((await site.walr(['uninstall', 'walr-x'])).exitCode).toBe(0)
    expect(await state()).toEqual(['none', 'not listed'])
    expect(existsSync(join(site.dataDirectory, 'plugins'))).toBe(false)
  })
})

describe('an entry of the configuration whose package is gone', () => {
  it('is removed', async () => {
    site.write('etc/walr.config.yaml', `${SITE_CONFIG}\nplugins: ["walr-x", "./gone"]\n`)
    for (const name of ['walr-x', './gone']) {
      expect(await uninstallPlugin(name, true, context())).toMatchObject({
        wasInstalled: false,
        config: { status: 'changed' },
      })
    }
    expect(site.config).toBe(`${SITE_CONFIG}\nplugins: []\n`)
    expect(existsSync(site.dataDirectory)).toBe(false)
  })

  it('stays when it is in use, when the package is elsewhere, and when the configuration is to be left alone', async () => {
    const config = `${SITE_CONFIG}\nplugins: ["walr-x", "./mine", "walr-used"]\narchive: {}\n`
      .replace("storage: { use: local, path: '/archive' }", '$&\n    codecs: [{ use: walr-used }]')
      .replace('archive: {}\n', '')
    site.write('etc/walr.config.yaml', config)
    site.write('etc/mine/package.json', '{}')
    await expect(uninstallPlugin('walr-used', true, context())).rejects.toThrow('"walr-used" is in use')
    await expect(uninstallPlugin('./mine', true, context())).rejects.toThrow('"./mine" is not installed')
    await expect(uninstallPlugin('walr-x', false, context())).rejects.toThrow('"walr-x" is not installed')
    await expect(uninstallPlugin('walr-y', true, context())).rejects.toThrow('"walr-y" is not installed')
    expect(site.config).toBe(config)
  })
})
