import { isStorageError, type PluginLogger } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import { FolderSync, type FolderSession } from './folder-sync.ts'
import { SftpStatusError, UnsupportedRequestError } from './sftp-errors.ts'

const FOLDER = '/base/folder'

/** A server that keeps a log of what it was asked, and fails at what it is told to. */
class Script implements FolderSession {
  readonly asked: string[] = []
  readonly warnings: string[] = []
  readonly faults = new Map<string, Error>()
  readonly log: PluginLogger = {
    error: () => undefined,
    warning: (line) => void this.warnings.push(line),
    info: () => undefined,
    debug: () => undefined,
  }

  open = (path: string) => this.#answer('open', path)
  openFolder = (path: string) => this.#answer('openFolder', path)
  closeHandle = async () => {
    await this.#answer('close', '')
  }
  sync = async () => {
    await this.#answer('sync', '')
  }

  #answer(what: string, path: string): Promise<Buffer> {
    this.asked.push(`${what} ${path}`.trim())
    const fault = this.faults.get(what)
    return fault ? Promise.reject(fault) : Promise.resolve(Buffer.from(path))
  }
}

const status = (number: number): Error => new SftpStatusError('it', number, 'said so')

describe('a folder', () => {
  it('is synced', async () => {
    const script = new Script()
    await new FolderSync('/base', script.log).sync(script, FOLDER)
    expect(script.asked).toEqual(['open /base', 'sync', 'close', `open ${FOLDER}`, 'sync', 'close'])
  })

  it('that cannot be synced is Transient, and told, each time, until it can', async () => {
    const script = new Script()
    const sync = new FolderSync('/base', script.log)
    await sync.sync(script, FOLDER)
    script.faults.set('sync', status(4))
    for (const tries of [1, 2, 3]) {
      const failed = await sync.sync(script, FOLDER).catch((error: unknown) => error)
      expect(isStorageError(failed, 'Transient')).toBe(true)
      expect(script.warnings).toHaveLength(tries)
    }
    script.faults.clear()
    await sync.sync(script, FOLDER)
    expect(script.asked.at(-3)).toBe(`open ${FOLDER}`)
  })

  it('is left alone by a server that twice failed to sync and never did, with a warning', async () => {
    const script = new Script()
    const sync = new FolderSync('/base', script.log)
    script.faults.set('sync', status(4))
    const failed = await sync.sync(script, FOLDER).catch((error: unknown) => error)
    expect(isStorageError(failed, 'Transient')).toBe(true)
    await sync.sync(script, FOLDER)
    const asked = script.asked.length
    await sync.sync(script, FOLDER)
    expect(script.asked).toHaveLength(asked)
    expect(script.warnings.at(-1)).toContain('only as durable as the server makes them by itself')
  })

  it.each([3, 4, 5, 8])('is left alone by a server that opens none (status %i), with one warning', async (number) => {
    const script = new Script()
    const sync = new FolderSync('/base', script.log)
    script.faults.set('open', status(number))
    await sync.sync(script, FOLDER)
    const asked = script.asked.length
    await sync.sync(script, FOLDER)
    expect(script.asked).toHaveLength(asked)
    expect(script.warnings).toHaveLength(1)
  })

  it('is not left alone when the server could open nothing at all for a moment', async () => {
    const script = new Script()
    const sync = new FolderSync('/base', script.log)
    for (const what of ['open', 'openFolder']) script.faults.set(what, status(4))
    await expect(sync.sync(script, FOLDER)).rejects.toThrow('said so')
    script.faults.clear()
    await sync.sync(script, FOLDER)
    expect(script.asked.at(-3)).toBe(`open ${FOLDER}`)
  })

  it.each([new UnsupportedRequestError('fsync@openssh.com'), status(8)])('is left alone where %s', async (fault) => {
    const script = new Script()
    const sync = new FolderSync('/base', script.log)
    script.faults.set('sync', fault)
    await sync.sync(script, FOLDER)
    const asked = script.asked.length
    await sync.sync(script, FOLDER)
    expect(script.asked).toHaveLength(asked)
  })
})
