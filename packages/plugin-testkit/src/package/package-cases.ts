import assert from 'node:assert/strict'
import { existsSync, realpathSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isOptionsError, type PluginHook, type WalrPlugin } from '@walr/core/plugin'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import { brief, rejectionOf } from '../suite/rejection.ts'
import { importEffects } from './import-effects.ts'
import { jsonObject, type PackageBench } from './package-bench.ts'

const API_VERSION = 1
const UNKNOWN_OPTION = 'anOptionThatNoPluginHas'
const HOOKS = { createStorage: 'storage', createCodec: 'codec', createRetention: 'retention' } as const
/** Names of options that hold a secret; `passwordFile` and the like hold a path. */
const SECRET_NAME = /(password|passphrase|secret|secretAccessKey|sessionToken|accountKey|privateKey)$/i

/** All cases of the package suite. */
export const packageCases: readonly ConformanceCase<PackageBench>[] = [
  {
    id: 'PKG-01',
    law: 'the package is ESM and exports "." with types and default, and "./package.json"; the files are there',
    run: async (bench) => {
      const manifest = await bench.manifest()
      assert.equal(manifest['type'], 'module', 'type in package.json')
      const exported = jsonObject(manifest['exports'], 'exports in package.json')
      assert.equal(exported['./package.json'], './package.json', 'exports["./package.json"]')
      const main = jsonObject(exported['.'], 'exports["."]')
      assert.deepEqual(Object.keys(main), ['types', 'default'], 'conditions of exports["."], in this order')
      for (const [condition, file] of Object.entries(main)) {
        assert.ok(typeof file === 'string' && file.startsWith('./'), `exports["."].${condition} has to begin with ./`)
        assert.ok(
          existsSync(join(bench.directory, file)),
          `exports["."].${condition} names ${file}, which is not there`,
        )
      }
    },
  },
  {
    id: 'PKG-02',
    law: '@walr/core is a peer dependency with a range that ends before a next major version, and no other dependency',
    run: async (bench) => {
      const manifest = await bench.manifest()
      const range = jsonObject(manifest['peerDependencies'] ?? {}, 'peerDependencies')['@walr/core']
      assert.ok(typeof range === 'string', 'peerDependencies has to name @walr/core: its types come from there')
      assert.match(range, /^[\^~]\d|<\s*\d/, `the peer range "${range}" of @walr/core has no upper end`)
      const dependencies = jsonObject(manifest['dependencies'] ?? {}, 'dependencies')
      assert.ok(!('@walr/core' in dependencies), '@walr/core is in dependencies, which would install a second copy')
    },
  },
  {
    id: 'PKG-03',
    law: 'walr.apiVersion and walr.provides in package.json are what the default export offers',
    run: async (bench) => {
      const walr = jsonObject((await bench.manifest())['walr'], 'walr in package.json')
      const plugin = await bench.plugin()
      assert.equal(walr['apiVersion'], API_VERSION, 'walr.apiVersion')
      assert.equal(plugin.apiVersion, API_VERSION, 'apiVersion of the default export')
      const provides = walr['provides']
      assert.ok(Array.isArray(provides), 'walr.provides has to be a list')
      assert.ok(provides.length > 0, 'walr.provides is empty: the plugin offers nothing')
      assert.deepEqual(provides.toSorted(), offeredBy(plugin).toSorted(), 'walr.provides, beside what is offered')
    },
  },
  {
    id: 'PKG-04',
    law: 'importing the plugin loads no SDK, opens nothing, writes nothing and changes nothing',
    timeoutMs: 60_000,
    run: async (bench) => {
      const effects = await importEffects(await bench.entryFile(), bench.loadsOnImport)
      const allowed = [...bench.loadsOnImport, '@walr/core']
      const own = realpathSync(bench.directory) + sep
      const loaded = new Set(effects.loaded.map((url) => packageOf(fileURLToPath(url), own)))
      const foreign = [...loaded].filter((name) => name !== undefined && !allowed.includes(name))
      assert.deepEqual(foreign, [], 'packages that are loaded on import; load them inside the create... functions')
      const { handles, newGlobals, newEnvironment, newListeners, output } = effects
      const none = { handles: [], newGlobals: [], newEnvironment: [], newListeners: [], output: '' }
      assert.deepEqual({ handles, newGlobals, newEnvironment, newListeners, output }, none, 'effects of the import')
    },
  },
  {
    id: 'PKG-05',
    law: "the plugin's name is the package's name",
    run: async (bench) => {
      assert.equal((await bench.plugin()).name, (await bench.manifest())['name'])
    },
  },
  {
    id: 'PKG-06',
    law: 'every option is described once, with type and summary, and secrets are marked',
    run: async (bench) => {
      const { options } = await bench.plugin()
      assert.ok(
        options !== undefined,
        'the default export describes no options; a plugin without any has an empty list',
      )
      const names = options.map(({ name }) => name)
      assert.equal(new Set(names).size, names.length, `options are described twice: ${names.join(', ')}`)
      for (const { name, type, summary, secret } of options) {
        assert.match(name, /^[a-z][A-Za-z0-9.]*$/, 'the name of an option')
        assert.ok(!/^use$/.test(name), '"use" is walr\'s own')
        assert.match(type, /\S/, `the type of option "${name}"`)
        assert.match(summary, /\S/, `the summary of option "${name}"`)
        if (SECRET_NAME.test(name)) assert.equal(secret, true, `secret of option "${name}", by its name`)
      }
    },
  },
  {
    id: 'PKG-07',
    law: 'parseOptions throws an OptionsError that names an option it does not know',
    run: async (bench) => {
      const plugin = await bench.plugin()
      assert.ok(typeof plugin.parseOptions === 'function', 'the default export has no parseOptions')
      const parse = plugin.parseOptions.bind(plugin)
      const error = await rejectionOf(
        () => Promise.resolve().then(() => parse({ [UNKNOWN_OPTION]: 1 })),
        'an unknown option',
      )
      assert.ok(isOptionsError(error), `parseOptions has to throw an OptionsError; it threw ${brief(error)}`)
      const named = error.faults.some(({ path, message }) => `${path} ${message}`.includes(UNKNOWN_OPTION))
      assert.ok(named, `the OptionsError does not name "${UNKNOWN_OPTION}": ${error.message}`)
    },
  },
]

function offeredBy(plugin: Partial<WalrPlugin>): PluginHook[] {
  return Object.entries(HOOKS).flatMap(([name, hook]) =>
    typeof plugin[name as keyof typeof HOOKS] === 'function' ? [hook] : [],
  )
}

/** The package that a loaded file belongs to; undefined for the plugin's own. */
function packageOf(file: string, own: string): string | undefined {
  if (file.startsWith(own) && !file.slice(own.length).startsWith(`node_modules${sep}`)) return undefined
  const parts = file.split(sep)
  const at = parts.lastIndexOf('node_modules')
  // Linked into node_modules, as in a workspace: its real path does not tell its name.
  if (at === -1) return /[/\\]plugins[/\\]contract[/\\]/.test(file) ? '@walr/core' : file
  const [scope = '', name = ''] = parts.slice(at + 1)
  return scope.startsWith('@') ? `${scope}/${name}` : scope
}
