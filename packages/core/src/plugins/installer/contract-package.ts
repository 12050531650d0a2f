import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The folder of `@walr/core`, from its sources as well as from what they are compiled to. */
const coreFolder = join(import.meta.dirname, '../../..')

/** The version of this walr. */
export async function coreVersion(): Promise<string> {
  const content: unknown = JSON.parse(await readFile(join(coreFolder, 'package.json'), 'utf8'))
  const { version } = content as { readonly version?: unknown }
  return typeof version === 'string' ? version : '0.0.0'
}

/**
 * Writes a package named `@walr/core`, with the version of this walr, that has nothing but the contract. It is what plugins
 * find when they import `@walr/core/plugin`, and what npm compares their peer ranges with; the contract's brands make copies
 * of it understand one another.
 * @returns the version.
 */
export async function writeContractPackage(folder: string): Promise<string> {
  const version = await coreVersion()
  const source = join(coreFolder, 'dist/plugins/contract')
  const target = join(folder, 'plugin')
  await mkdir(target, { recursive: true })
  for (const name of await readdir(source)) {
    if (/(?<!\.test|\.test-d)(?:\.js|\.d\.ts)$/.test(name)) await copyFile(join(source, name), join(target, name))
  }
  const manifest = {
    name: '@walr/core',
    version,
    description: 'The contract between walr and its plugins, alone',
    license: 'Apache-2.0',
    type: 'module',
    exports: {
      './plugin': { types: './plugin/index.d.ts', default: './plugin/index.js' },
      './package.json': './package.json',
    },
  }
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
  return version
}
