import { mkdtempSync, chmodSync } from 'node:fs'
import { join } from 'node:path'
import type { ByteSource, HookContext, PluginLogger, Storage } from '@walr/core/plugin'
import { parseOptions, type SftpOptions } from '../../packages/plugin-sftp/src/options.ts'
import { openSftpStorage } from '../../packages/plugin-sftp/src/storage.ts'
import { SmallFilesystem } from '../../test/support/small-filesystem.ts'
import { startSshd, type Sshd } from '../../test/support/sshd/sshd.ts'

/** A server whose files are in memory. */
export interface SftpPlace extends AsyncDisposable {
  readonly server: Sshd
  readonly directory: string
  options(more?: Readonly<Record<string, unknown>>): SftpOptions
  open(more?: Readonly<Record<string, unknown>>): Promise<Storage>
}

const log: PluginLogger = {
  error: console.error,
  warning: console.error,
  info: () => undefined,
  debug: () => undefined,
}

/** What the plugin gets from walr. */
export const benchContext: HookContext = {
  log,
  signal: new AbortController().signal,
  now: () => new Date(),
  baseDirectory: '/',
}

/** Starts the server. */
export async function startSftpPlace(): Promise<SftpPlace> {
  const memory = new SmallFilesystem(1024)
  const server = await startSshd()
  const directory = mkdtempSync(join(memory.path, 'sftp-'))
  chmodSync(directory, 0o777)
  const options = (more: Readonly<Record<string, unknown>> = {}): SftpOptions =>
    parseOptions({ ...server.options, directory, ...more })
  return {
    server,
    directory,
    options,
    open: (more) => openSftpStorage(options(more), benchContext),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      await memory[Symbol.asyncDispose]()
    },
  }
}

/** Bytes in memory, as walr hands over a segment that it has compressed. */
export function sourceOf(bytes: Buffer): ByteSource {
  return {
    size: bytes.length,
    bytes,
    async *open() {
      await Promise.resolve()
      yield bytes
    },
  }
}

/** MB a second. */
export async function rateOf(bytes: number, work: () => Promise<void>): Promise<number> {
  const startedAtMs = performance.now()
  await work()
  return bytes / ((performance.now() - startedAtMs) / 1000) / 1e6
}
