import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { nodeDisk } from '../../disk/node-disk.ts'
import { RecordingLogger } from '../../wal/recording.fixture.ts'
import { ReceiveHttp } from './receive-http.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-receive-http-'))
  mkdirSync(join(directory, '.walr'))
})
afterEach(() => rmSync(directory, { recursive: true }))

it.each([true, false])(
  'a receiver without an archive warns when WAL has left its directory for one: %s',
  async (left) => {
    if (left) writeFileSync(join(directory, '.walr', 'archive.json'), '')
    const logger = new RecordingLogger()
    const files = { token: undefined, certFile: undefined, keyFile: undefined, clientCaFile: undefined }
    const http = { listen: `unix:${join(directory, 'walr.sock')}`, ...files, maxDownloads: 4 }
    const { signal } = new AbortController()
    const settings = { http, archive: 'none' } as const
    const serving = await ReceiveHttp.start({ disk: nodeDisk, directory, settings, environment: {}, logger, signal })
    await serving.stop(0)
    expect(logger.text.includes('for an archive, which is not served')).toBe(left)
  },
)
