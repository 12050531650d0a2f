import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { isWalrError } from '../errors/walr-error.ts'
import { loadConfig, type LoadConfigOptions, type LoadedConfig } from './load-config.ts'

/** What a configuration is in which nobody set anything. */
export const defaults = {
  cluster: 'main',
  plugins: [],
  receive: { createSlot: false, flush: 'batch', statusInterval: { ms: 10_000 } },
}

/** A section "archive", as lines of a configuration. */
export const withArchive = 'archive: { storage: { use: local, path: /archive } }\n'

/** A directory with configuration files. */
export class ConfigDirectory {
  readonly root: string = mkdtempSync(join(tmpdir(), 'walr-config-'))

  /** @returns the path of the file that now has that content. */
  file(name: string, content: string): string {
    const path = join(this.root, name)
    writeFileSync(path, content)
    return path
  }

  load(content: string, more: Partial<LoadConfigOptions> = {}): Promise<LoadedConfig> {
    const path = this.file('walr.yaml', content)
    return loadConfig({ path, environment: {}, workingDirectory: '/srv', search: false, ...more })
  }

  /** All that the error of loading this shows. Rejects when the configuration is accepted. */
  async failure(content: string, more: Partial<LoadConfigOptions> = {}): Promise<string> {
    const error = await this.load(content, more).then(
      () => new Error('the configuration was accepted'),
      (reason: unknown) => reason,
    )
    if (isWalrError(error, 'WALR_CONFIG')) return inspect(error, { depth: 10 })
    throw error
  }

  dispose(): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}
