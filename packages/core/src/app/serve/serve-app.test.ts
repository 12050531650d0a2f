import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { segment } from '../../restore/segment.fixture.ts'
import { RecordingLogger } from '../../wal/recording.fixture.ts'
import { runServe } from './serve-app.ts'

const one = '000000010000000000000001'
const two = '000000010000000000000002'
let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-serve-app-'))
  writeFileSync(join(directory, two), segment(two))
  mkdirSync(join(directory, '.walr'))
})
afterEach(() => rmSync(directory, { recursive: true }))

it.each([true, false])(
  'tells, at the start and in answers, that WAL leaves the directory for an archive: %s',
  async (archived) => {
    if (archived) writeFileSync(join(directory, '.walr', 'archive.json'), '')
    const logger = new RecordingLogger()
    const stop = new AbortController()
    const options = { configPath: undefined, directory, archiveOnly: false, listen: '127.0.0.1:0' }
    const serving = runServe(
      { ...options, systemIdentifier: undefined },
      { logger, environment: {}, workingDirectory: directory, signal: stop.signal },
    )
    await Promise.race([
      serving,
      vi.waitFor(() => expect(logger.text).toContain('serving WAL on'), { timeout: 60_000, interval: 20 }),
    ])
    const address = /serving WAL on (\S+)$/m.exec(logger.lines.join('\n'))?.[1] ?? ''
    const answer = await fetch(`${address}/v1/wal/${one}`)
    const { message } = (await answer.json()) as { message: string }
    expect([answer.status, message.includes('is not served')]).toEqual(archived ? [503, true] : [404, false])
    stop.abort()
    await serving
    expect(logger.text.includes('for an archive, which is not served')).toBe(archived)
  },
  90_000,
)
