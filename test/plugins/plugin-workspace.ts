import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BUILTIN_PLUGINS } from '../../packages/core/src/builtin/index.ts'
import type { PluginHook } from '../../packages/core/src/plugins/contract/index.ts'
import {
  PluginLoader,
  type PluginEntry,
  type PluginLoaderOptions,
} from '../../packages/core/src/plugins/loader/plugin-loader.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { silentLogger } from './silent-logger.ts'

/** What a package.json says when nothing else is given: an ESM-only package that hides its package.json. */
const importOnly = { type: 'module', exports: { '.': { import: './lib/index.js' } } }

/** A folder with a configuration file, and plugins that tests write there. */
export class PluginWorkspace implements AsyncDisposable {
  readonly #scratch: Scratch = makeScratch('plugins')
  /** Absolute, without symbolic links. */
  readonly path: string = realpathSync(this.#scratch.path)

  /** Writes a file below the folder. @returns its path. */
  write(path: string, content: string): string {
    const file = join(this.path, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
    return file
  }

  /** Writes a package into `folder`; `manifest` replaces what a package.json has otherwise. */
  package(folder: string, manifest: Readonly<Record<string, unknown>>, code: string): void {
    const walr = { apiVersion: 1, provides: ['codec'] }
    const content = { version: '1.0.0', ...importOnly, walr, ...manifest }
    this.write(join(folder, 'package.json'), JSON.stringify(content))
    this.write(join(folder, 'lib/index.js'), code)
  }

  /** As {@link package}, installed beside the configuration file. */
  install(name: string, code: string, manifest: Readonly<Record<string, unknown>> = {}): void {
    this.package(join('node_modules', name), { name, ...manifest }, code)
  }

  link(target: string, path: string): void {
    mkdirSync(dirname(join(this.path, path)), { recursive: true })
    symlinkSync(join(this.path, target), join(this.path, path))
  }

  loader(plugins: readonly string[], options: Partial<PluginLoaderOptions> = {}): PluginLoader {
    return new PluginLoader({
      plugins,
      configFile: 'walr.config.yaml',
      baseDirectory: this.path,
      dataDirectories: [join(this.path, 'data')],
      builtins: BUILTIN_PLUGINS,
      logger: silentLogger,
      signal: new AbortController().signal,
      now: () => new Date(),
      ...options,
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#scratch.remove()
    return Promise.resolve()
  }
}

/** An entry at `archive.codecs[0]`, or at the place of another hook. */
export function entry(
  use: string,
  options: Readonly<Record<string, unknown>> = {},
  hook: PluginHook = 'codec',
): PluginEntry {
  return { use, options, place: hook === 'codec' ? 'archive.codecs[0]' : `archive.${hook}`, hook }
}

/** The code of a plugin whose codec changes nothing. `parts` replace what it has otherwise; they are code themselves. */
export function codecPlugin(name: string, parts: Readonly<Record<string, string>> = {}, before = ''): string {
  const all: Record<string, string> = {
    name: JSON.stringify(name),
    apiVersion: '1',
    options: '[]',
    parseOptions: '(input) => input',
    createCodec: `async () => ({ id: 'same', kind: 'compression', suffix: '.same', encode: (x) => x, decode: (x) => x })`,
    ...parts,
  }
  const fields = Object.entries(all).filter(([, code]) => code !== '')
  return `${before}\nexport default { ${fields.map(([field, code]) => `${field}: ${code}`).join(',\n')} }\n`
}
