import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { checkPluginsFor } from './config-plugins.ts'
import { validateConfig, type ConfigValidation } from './config-validate.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-config-plugins-'))
})
afterEach(() => {
  rmSync(root, { recursive: true })
})

const never = 'await new Promise(() => {})'

/** Validates a configuration whose codec has this code. */
function validate(
  createCodec: string,
  { atImport = '', encode = '(x) => x', patienceMs = 500 } = {},
): Promise<ConfigValidation> {
  const plugin = './codec.mjs'
  const codec = `{ id: 'x', kind: 'compression', suffix: '.x', encode: ${encode}, decode: (x) => x }`
  const parts = `name: '${plugin}', apiVersion: 1, options: [], parseOptions: (x) => x`
  const code = `${atImport}; export default { ${parts}, createCodec: async () => { ${createCodec}; return ${codec} } }`
  writeFileSync(join(root, plugin), code)
  const archive = { storage: { use: 'local', path: 'archive' }, codecs: [{ use: plugin }] }
  writeFileSync(join(root, 'walr.config.json'), JSON.stringify({ plugins: [plugin], archive }))
  const options = { environment: {}, workingDirectory: root, search: true }
  return validateConfig(options, (loaded) => checkPluginsFor(patienceMs, loaded))
}

it('plugins that answer are asked no longer than that', async () => {
  expect((await validate('', { patienceMs: 60_000 })).faults).toEqual([])
})

it.each([
  ['are never imported', () => validate('', { atImport: never })],
  ['never make their codec', () => validate(never)],
  ['never encode', () => validate('', { encode: `async function* () { ${never} }` })],
])('plugins that %s are a fault', async (_, work) => {
  const { faults } = await work()
  expect(faults).toEqual([{ path: 'plugins', message: 'plugins or keys have not answered for 0.5 s' }])
})
