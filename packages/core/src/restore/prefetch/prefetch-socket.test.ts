import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeDisk } from '../../disk/node-disk.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { StorageError } from '../../plugins/contract/index.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { askedPauseMs, failureKind } from '../failure-kind.ts'
import { QUIET_MS } from '../patience.ts'
import type { WalRequest } from '../wal-request.ts'
import { askPrefetcher, SILENCE_MS, type AskContext, type PrefetchAnswer } from './ask-prefetcher.ts'
import { GenerationFolder } from './generation-folder.ts'
import { silentMark, type PrefetchPlace } from './prefetch-place.ts'
import { ALIVE_INTERVAL_MS, type SentWarning } from './prefetch-protocol.ts'
import { PrefetchServer } from './prefetch-server.ts'
import type { PrefetchOutcome } from './prefetcher.ts'

const SEGMENT = '000000010000000000000001'

let data: string
let place: PrefetchPlace
let server: PrefetchServer | Server | undefined
let answer: (request: WalRequest, signal: AbortSignal) => Promise<PrefetchOutcome>
let released: string[]
let warnings: SentWarning[]
let logged: string[]
let outdated: string[]
let upToDate: boolean
let bytes: number

beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'walr-ask-'))
  place = { workingDirectory: data, postmasterPid: 1, generation: 'pg_wal/.walr/1.2', socket: 'pg_stat_tmp/walr.1.2' }
  for (const folder of ['pg_wal/.walr/1.2/given', 'pg_stat_tmp']) mkdirSync(join(data, folder), { recursive: true })
  answer = () => Promise.resolve({ kind: 'absent' })
  released = []
  warnings = []
  logged = []
  outdated = []
  upToDate = true
  bytes = 0
  const real = new PrefetchServer({
    identity: 'ours',
    request: (request, signal) => answer(request, signal),
    release: (given) => {
      released.push(given)
      return Promise.resolve()
    },
    takeWarnings: () => warnings.splice(0),
    receivedBytes: () => bytes,
    isUpToDate: () => Promise.resolve(upToDate),
    onOutdated: (why) => outdated.push(why),
  })
  await real.listen(join(data, place.socket))
  server = real
})
afterEach(async () => {
  await stop()
  rmSync(data, { recursive: true, force: true })
})

async function stop(): Promise<void> {
  if (server instanceof PrefetchServer) await server.close()
  else server?.close()
  server = undefined
}

const logger: Logger = {
  error: (message) => logged.push(message),
  warning: (message) => logged.push(message),
  notice: () => undefined,
  info: () => undefined,
  debug: () => undefined,
}

function ask(more: Partial<AskContext> = {}, identity = 'ours', name = SEGMENT): Promise<PrefetchAnswer | undefined> {
  const { signal } = new AbortController()
  const context = { disk: nodeDisk, logger, signal, progress: () => undefined, ...more }
  const targetPath = join(data, 'pg_wal/RECOVERYXLOG')
  return askPrefetcher(place, { identity, name, partial: 'auto', atGap: 'stop', targetPath }, context)
}

/** Something else than a prefetcher is behind the socket; what it says when it is asked. */
async function impostor(...lines: readonly string[]): Promise<void> {
  await stop()
  server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => {
      for (const line of lines) socket.write(line)
    })
  })
  const listening = server
  await new Promise<void>((resolve) => listening.listen(join(data, place.socket), resolve))
}

it('delivers by a rename, and tells the prefetcher when it is done', async () => {
  const given = join(data, place.generation, 'given/7')
  writeFileSync(given, 'wal')
  answer = () => Promise.resolve({ kind: 'delivered', given: '7' })
  expect(await ask()).toEqual({ kind: 'delivered' })
  expect(readFileSync(join(data, 'pg_wal/RECOVERYXLOG'), 'utf8')).toBe('wal')
  expect(existsSync(given)).toBe(false)
  await expect.poll(() => released).toEqual(['7'])
})

it('lets the caller do it when what was given is not there', async () => {
  answer = () => Promise.resolve({ kind: 'delivered', given: '7' })
  expect(await ask()).toEqual({ kind: 'direct' })
})

it('passes on what is absent, and what the prefetcher leaves to the caller', async () => {
  expect(await ask()).toEqual({ kind: 'absent' })
  answer = () => Promise.resolve({ kind: 'direct' })
  expect(await ask()).toEqual({ kind: 'direct' })
})

it.each([
  ['outage', new StorageError('Transient', 'away', { retryAfterMs: 1234 }), 1234],
  ['refused', new StorageError('AccessDenied', 'no', {}), 0],
  ['final', undefined, 0],
] as const)('passes on failures with what is to be done about them: %s', async (kind, cause, pauseMs) => {
  const error = new WalrError('WALR_ARCHIVE_UNAVAILABLE', 'm', { hint: 'h', detail: 'd', cause })
  answer = () => Promise.resolve({ kind: 'failed', error })
  const found = await ask()
  if (found?.kind !== 'failed') throw new Error('not failed')
  expect(found.error).toMatchObject({ code: 'WALR_ARCHIVE_UNAVAILABLE', message: 'm', hint: 'h', detail: 'd' })
  expect(failureKind(found.error)).toBe(kind)
  expect(askedPauseMs(found.error)).toBe(pauseMs)
})

it('writes to the log of PostgreSQL what the prefetcher had to warn of, once', async () => {
  warnings = [{ message: 'damaged', hint: undefined }]
  await ask()
  await ask()
  expect(logged).toEqual(['damaged'])
})

describe('does it without', () => {
  it('when nobody listens', async () => {
    await stop()
    expect(await ask()).toBeUndefined()
    writeFileSync(join(data, place.socket), '')
    expect(await ask()).toBeUndefined()
  })

  it('when the prefetcher works for other arguments, which is then told to end', async () => {
    expect(await ask({}, 'other')).toBeUndefined()
    expect(outdated).toHaveLength(1)
  })

  it('when the configuration has changed', async () => {
    upToDate = false
    expect(await ask()).toBeUndefined()
    expect(outdated).toEqual(['the configuration has changed'])
  })

  it('when it ends in the middle', async () => {
    answer = async () => {
      await stop()
      return { kind: 'absent' }
    }
    expect(await ask()).toEqual({ kind: 'direct' })
  })

  it('when nothing is heard for a while', async () => {
    await impostor()
    expect(await ask({ silenceMs: 30 })).toEqual({ kind: 'direct' })
  })

  it('when the question is not understood', async () => {
    expect(await ask({}, 'ours', '../x')).toEqual({ kind: 'direct' })
  })

  it.each([
    'no json\n',
    '{}\n',
    '[]\n',
    'null\n',
    '{"kind":"delivered"}\n',
    '{"kind":"delivered","given":"../../../global/pg_control"}\n',
    '{"kind":"delivered","given":"/etc/passwd"}\n',
    '{"kind":"delivered","given":7}\n',
    '{"kind":"failed"}\n',
    '{"kind":"failed","failure":{"code":"constructor","message":"x","kind":"final"}}\n',
    '{"kind":"failed","failure":{"code":"WALR_KEY","message":"x","kind":"other"}}\n',
    '{"kind":"other"}\n',
    'x'.repeat(70_000),
  ])('when the answer is %j', async (line) => {
    await impostor(line)
    writeFileSync(join(data, 'pg_wal/other'), 'x')
    expect(await ask()).toEqual({ kind: 'direct' })
    expect(existsSync(join(data, 'pg_wal/RECOVERYXLOG'))).toBe(false)
  })
})

describe('one that was silent', () => {
  let asked: number
  beforeEach(async () => {
    asked = 0
    await impostor()
    expect(await ask({ silenceMs: 30 })).toEqual({ kind: 'direct' })
    await stop()
    const silent = createServer((socket) => {
      asked++
      socket.on('error', () => undefined)
      socket.once('data', () => socket.write('{"kind":"absent"}\n'))
    })
    server = silent
    await new Promise<void>((resolve) => silent.listen(join(data, place.socket), resolve))
  })
  const mark = (): string => join(data, silentMark(place))

  it('is not asked by the next calls', async () => {
    expect(await ask()).toEqual({ kind: 'direct' })
    expect(await ask()).toEqual({ kind: 'direct' })
    expect(asked).toBe(0)
  })

  it('is asked again after a minute', async () => {
    const before = Date.now() / 1000 - 61
    utimesSync(mark(), before, before)
    expect(await ask()).toEqual({ kind: 'absent' })
    expect(asked).toBe(1)
  })

  it.each(['speak', 'prepare'] as const)('is asked again when it goes on, or another one begins: %s', async (how) => {
    await new GenerationFolder(nodeDisk, join(data, place.generation))[how]()
    expect(await ask()).toEqual({ kind: 'absent' })
  })
})

it('is not skipped when it has answered, or was of no help', async () => {
  await ask()
  answer = () => Promise.resolve({ kind: 'direct' })
  await ask()
  await impostor('no json\n')
  await ask()
  expect(existsSync(join(data, silentMark(place)))).toBe(false)
})

it('is given up early enough for the direct way, and not before a sign of life is due', () => {
  expect(SILENCE_MS).toBeLessThanOrEqual(QUIET_MS / 2)
  expect(SILENCE_MS).toBeGreaterThanOrEqual(2 * ALIVE_INTERVAL_MS)
})

it('waits as long as there is a sign of life, and counts what came as progress', async () => {
  let progress = 0
  await impostor('\n', '+\n', '\n', '+\n{"kind":"abs', 'ent"}\n')
  expect(await ask({ progress: () => progress++ })).toEqual({ kind: 'absent' })
  expect(progress).toBe(2)
})

it('gives a sign of life each second, and says when bytes have come', async () => {
  const { promise, resolve } = Promise.withResolvers<PrefetchOutcome>()
  answer = () => {
    bytes = 1
    return promise
  }
  expect(await ask({ progress: () => resolve({ kind: 'absent' }), silenceMs: 4000 })).toEqual({ kind: 'absent' })
})

it('gives the request up when the caller is asked to end', async () => {
  const stopping = new AbortController()
  const { promise, resolve } = Promise.withResolvers<undefined>()
  answer = (_, signal) => {
    signal.addEventListener('abort', () => resolve(undefined))
    stopping.abort(new Error('asked to end'))
    return new Promise(() => undefined)
  }
  await expect(ask({ signal: stopping.signal })).rejects.toThrow('asked to end')
  await promise
})

it('lives on when clients talk nonsense or go away', async () => {
  for (const text of ['\n', 'nonsense\n', '{"identity":1}\n', 'x'.repeat(100_000), '']) {
    await new Promise<void>((resolve) => {
      const socket = connect(join(data, place.socket), () => socket.end(text))
      socket.on('error', () => undefined)
      socket.on('data', () => undefined)
      socket.on('close', () => resolve())
    })
  }
  expect(await ask()).toEqual({ kind: 'absent' })
})
