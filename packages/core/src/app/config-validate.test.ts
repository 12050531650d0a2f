import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { validateConfig, type ConfigValidation, type PluginCheck } from './config-validate.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-validate-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

const pluginFault = { path: 'archive.storage.path', message: 'is missing' }
const allWrong: PluginCheck = () => Promise.resolve([pluginFault])

function validate(environment: Record<string, string> = {}, checkPlugins = allWrong): Promise<ConfigValidation> {
  return validateConfig({ environment, workingDirectory: root, search: true }, checkPlugins)
}

describe('the validation of a configuration', () => {
  it('finds the faults of compression and plugins together', async () => {
    writeFileSync(join(root, 'walr.config.yaml'), 'receive: { compress: "gzip:99" }')
    const { file, faults } = await validate()
    expect(file).toBe(join(root, 'walr.config.yaml'))
    expect(faults).toEqual([
      { path: 'receive.compress', message: expect.stringContaining('received "gzip:99"') as string, source: 'file' },
      pluginFault,
    ])
  })

  it('does not ask plugins about a configuration that is wrong itself', async () => {
    writeFileSync(join(root, 'walr.config.yaml'), 'cluster: /')
    const { faults } = await validate()
    expect(faults.map(({ path }) => path)).toEqual(['cluster'])
  })

  it('finds nothing wrong with a good one, in a file or in the environment', async () => {
    const good: PluginCheck = () => Promise.resolve([])
    expect(await validate({ WALR_CLUSTER: 'main' }, good)).toEqual({ file: undefined, faults: [] })
    writeFileSync(join(root, 'walr.config.yaml'), 'receive: { compress: "zstd:3" }')
    expect((await validate({}, good)).faults).toEqual([])
  })

  it('does not take nothing at all for a good one', async () => {
    const { faults } = await validate()
    expect(faults).toEqual([{ path: '', message: expect.stringContaining('no configuration file') as string }])
  })

  it('reports a file that cannot be loaded as a fault', async () => {
    writeFileSync(join(root, 'walr.config.yaml'), 'a: [')
    const { faults } = await validate()
    expect(faults).toEqual([{ path: '', message: expect.stringContaining('could not load') as string }])
  })
})
