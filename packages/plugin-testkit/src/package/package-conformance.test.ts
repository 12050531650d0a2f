import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { CollectingRunner } from '../suite/collecting-runner.fixture.ts'
import { packageCases } from './package-cases.ts'
import { packageConformance } from './package-conformance.ts'

const CORE = dirname(fileURLToPath(import.meta.resolve('@walr/core/package.json')))
const TIMEOUT_MS = 60_000

const MANIFEST = {
  name: 'walr-plugin-example',
  version: '1.0.0',
  type: 'module',
  exports: { '.': { types: './index.d.ts', default: './index.js' }, './package.json': './package.json' },
  walr: { apiVersion: 1, provides: ['storage'] },
  peerDependencies: { '@walr/core': '>=0.1.0 <2' },
}
const PLUGIN = `
import { definePlugin, OptionsError } from '@walr/core/plugin'
export default definePlugin({
  name: 'walr-plugin-example',
  apiVersion: 1,
  options: [{ name: 'password', type: 'string', summary: 'Who asks.', secret: true }],
  parseOptions(input) {
    const faults = Object.keys(input).map((path) => ({ path, message: 'unknown option' }))
    if (faults.length > 0) throw new OptionsError(faults)
    return {}
  },
  createStorage: () => Promise.reject(new Error('not made')),
})
`

let directory: string
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

/** A package of a third party, as npm would install it. */
function makePackage(manifest: object, plugin: string): void {
  directory = mkdtempSync(join(tmpdir(), 'walr-testkit-'))
  writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(directory, 'index.js'), plugin)
  writeFileSync(join(directory, 'index.d.ts'), '')
  mkdirSync(join(directory, 'node_modules/@walr'), { recursive: true })
  symlinkSync(CORE, join(directory, 'node_modules/@walr/core'))
  mkdirSync(join(directory, 'node_modules/some-sdk'))
  writeFileSync(join(directory, 'node_modules/some-sdk/index.js'), 'export default 1')
  writeFileSync(join(directory, 'node_modules/some-sdk/package.json'), '{"type":"module","exports":"./index.js"}')
}

async function failingCases(options: { readonly loadsOnImport?: readonly string[] } = {}): Promise<string[]> {
  const runner = new CollectingRunner()
  packageConformance(runner, directory, options)
  return [...(await runner.run()).keys()].sort()
}

const MUTANTS = [
  { breaks: 'is not ESM', manifest: { type: 'commonjs' }, fails: ['PKG-01', 'PKG-04'] },
  {
    breaks: 'does not export its package.json',
    manifest: { exports: { '.': MANIFEST.exports['.'] } },
    fails: ['PKG-01'],
  },
  {
    breaks: 'names types that are not there',
    manifest: { exports: { ...MANIFEST.exports, '.': { types: './absent.d.ts', default: './index.js' } } },
    fails: ['PKG-01'],
  },
  { breaks: 'takes any core', manifest: { peerDependencies: { '@walr/core': '>=0.1.0' } }, fails: ['PKG-02'] },
  { breaks: 'has its own core', manifest: { dependencies: { '@walr/core': '^1.0.0' } }, fails: ['PKG-02'] },
  { breaks: 'says too much', manifest: { walr: { apiVersion: 1, provides: ['storage', 'codec'] } }, fails: ['PKG-03'] },
  { breaks: 'says another version', manifest: { walr: { apiVersion: 2, provides: ['storage'] } }, fails: ['PKG-03'] },
  { breaks: 'loads an SDK', plugin: (text: string) => `import 'some-sdk'\n${text}`, fails: ['PKG-04'] },
  { breaks: 'starts a timer', plugin: (text: string) => `setInterval(() => {}, 1000)\n${text}`, fails: ['PKG-04'] },
  { breaks: 'writes', plugin: (text: string) => `process.stdout.write(' ')\n${text}`, fails: ['PKG-04'] },
  { breaks: 'sets a global', plugin: (text: string) => `globalThis.mine = 1\n${text}`, fails: ['PKG-04'] },
  { breaks: 'has another name', manifest: { name: 'walr-plugin-other' }, fails: ['PKG-05'] },
  { breaks: 'shows a secret', plugin: (text: string) => text.replace(', secret: true', ''), fails: ['PKG-06'] },
  { breaks: 'accepts all', plugin: (text: string) => text.replace('faults.length > 0', 'false'), fails: ['PKG-07'] },
]

describe('a package', () => {
  it('that keeps all laws passes', { timeout: TIMEOUT_MS }, async () => {
    makePackage(MANIFEST, PLUGIN)
    expect(await failingCases()).toEqual([])
  })

  it('may load on import what its author names', { timeout: TIMEOUT_MS }, async () => {
    makePackage(MANIFEST, `import 'some-sdk'\n${PLUGIN}`)
    expect(await failingCases({ loadsOnImport: ['some-sdk'] })).toEqual([])
  })

  it.each(MUTANTS)(
    'that $breaks fails $fails and nothing else',
    async ({ manifest, plugin, fails }) => {
      makePackage({ ...MANIFEST, ...manifest }, plugin === undefined ? PLUGIN : plugin(PLUGIN))
      expect(await failingCases()).toEqual(fails)
    },
    TIMEOUT_MS,
  )
})

it('every package case is failed by a package', () => {
  const found = new Set(MUTANTS.flatMap(({ fails }) => fails))
  expect(packageCases.map(({ id }) => id).filter((id) => !found.has(id))).toEqual([])
})
