import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { WalrPlugin } from '@walr/core/plugin'

type JsonObject = Readonly<Record<string, unknown>>

/** A plugin's package on disk, built, as npm would publish it. */
export class PackageBench implements AsyncDisposable {
  readonly directory: string
  /** Packages that importing the plugin may load beside its own files and `@walr/core/plugin`. */
  readonly loadsOnImport: readonly string[]

  constructor(directory: string, loadsOnImport: readonly string[]) {
    this.directory = directory
    this.loadsOnImport = loadsOnImport
  }

  async manifest(): Promise<JsonObject> {
    return jsonObject(JSON.parse(await readFile(join(this.directory, 'package.json'), 'utf8')), 'package.json')
  }

  /** The file that `exports["."].default` names. */
  async entryFile(): Promise<string> {
    const exported = jsonObject((await this.manifest())['exports'], 'exports')
    const main = jsonObject(exported['.'], 'exports["."]')
    const entry = main['default']
    assert.ok(typeof entry === 'string', `exports["."].default has to name a file; it is ${JSON.stringify(entry)}`)
    return join(this.directory, entry)
  }

  /** The default export, as far as it is looked at: a plugin is what its author says it is, and may be anything. */
  async plugin(): Promise<Partial<WalrPlugin>> {
    const module = jsonObject(await import(pathToFileURL(await this.entryFile()).href), 'the module')
    return jsonObject(module['default'], 'the default export')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}

/** Fails unless `value` is an object. `name` says what it is. */
export function jsonObject(value: unknown, name: string): JsonObject {
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), `${name} has to be an object`)
  return value as JsonObject
}
