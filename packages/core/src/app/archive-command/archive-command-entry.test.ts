import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ACKNOWLEDGEMENTS_FOLDER } from '../../archive/acknowledgements.ts'
import { pagedSegment } from '../../archive/archiver.fixture.ts'
import { InventedServer } from '../../archive/server-place.fixture.ts'
import { CLUSTER, segmentName } from '../../wal/wal-bytes.fixture.ts'
import { archiveCommandEntry, type ArchiveProcess } from './archive-command-entry.ts'

const CONFIG = 'archive:\n  storage: { use: local, path: archive }\n  codecs: []\n'

let server: InventedServer
let folder: string
let config: string
let output: string
let messages: string
let environment: Record<string, string>
let stop: AbortController
beforeEach(() => {
  server = new InventedServer()
  folder = mkdtempSync(join(tmpdir(), 'walr-archive-command-'))
  mkdirSync(join(folder, 'archive'))
  config = join(folder, 'walr.config.yaml')
  writeFileSync(config, CONFIG)
  environment = {}
  stop = new AbortController()
  output = ''
  messages = ''
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    messages += String(text)
    return true
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  server.dispose()
  rmSync(folder, { recursive: true })
})

function run(argv: readonly string[], more: Partial<ArchiveProcess> = {}): Promise<number> {
  return archiveCommandEntry(argv, {
    environment,
    workingDirectory: server.dataDirectory,
    writeOutput: (text) => (output += text),
    signal: stop.signal,
    ...more,
  })
}
const archive = (name: string, ...options: readonly string[]): Promise<number> =>
  run(['--config', config, ...options, `pg_wal/${name}`])
const keys = (): readonly string[] =>
  readdirSync(join(folder, 'archive'), { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, 'archive', 'main', CLUSTER).length + 1))
    .filter((key) => !key.includes('marker'))
    .toSorted()
const replaceArchive = (): void => {
  takeAway()
  mkdirSync(join(folder, 'archive'))
}
const takeAway = (): void => renameSync(join(folder, 'archive'), join(folder, 'away'))

describe('archive-command', () => {
  it('stores what PostgreSQL names, and acknowledges what it will name next', async () => {
    const [own, next] = [server.finish(4), server.finish(5)]
    expect(await archive(own)).toBe(0)
    expect(keys()).toEqual(['identity.json', `wal/00000001/${own}`, `wal/00000001/${next}`])
    expect(readFileSync(join(folder, 'archive/main', CLUSTER, 'wal/00000001', own)).equals(pagedSegment(4))).toBe(true)
    expect(server.acknowledged).toEqual([next])
    expect(messages).toBe('')
    expect(output).toBe('')
  })

  it('loads nothing and asks nobody for what was archived ahead', async () => {
    const [own, next] = [server.finish(4), server.finish(5)]
    expect(await archive(own)).toBe(0)
    takeAway()
    vi.doMock('./archive-file.ts', () => {
      throw new Error('it was loaded')
    })
    expect(await archive(next)).toBe(0)
    vi.doUnmock('./archive-file.ts')
    expect(server.acknowledged).toEqual([])
    expect(messages).toBe('')
  })

  it('archives again what PostgreSQL asks for again', async () => {
    const [own, next] = [server.finish(4), server.finish(5)]
    for (const name of [own, next, next, own, next]) expect(await archive(name)).toBe(0)
    expect(keys()).toHaveLength(3)
  })

  it.each([
    ['the configuration has changed', () => writeFileSync(config, `${readFileSync(config, 'utf8')}# other\n`)],
    ['the server was started again', () => server.start(1_795_319_999)],
    ['a variable of walr is another', () => void (environment['WALR_CLUSTER'] = 'other')],
    ['the server is not running', () => rmSync(join(server.dataDirectory, 'postmaster.pid'))],
    [
      'the file was replaced',
      () => renameSync(join(server.walDirectory, server.finish(9)), join(server.walDirectory, segmentName(5))),
    ],
  ])('does not take an earlier call’s word when %s', async (_, change) => {
    const [own, next] = [server.finish(4), server.finish(5)]
    expect(await archive(own)).toBe(0)
    expect(server.acknowledged).toContain(next)
    change()
    takeAway()
    expect(await archive(next, '--timeout', '0s')).toBe(1)
    expect(messages).toContain('walr: error: ')
  })

  it('does not take the word of a call with other options', async () => {
    const [own, next] = [server.finish(4), server.finish(5)]
    expect(await archive(own)).toBe(0)
    takeAway()
    expect(await archive(next, '--timeout', '0s', '--jobs', '2')).toBe(1)
  })

  it('fills two archives one after the other, each with its own look ahead', async () => {
    const other = config.replace('walr.config', 'other.config')
    writeFileSync(other, CONFIG.replace('path: archive', 'path: away'))
    mkdirSync(join(folder, 'away'))
    const [own, next] = [server.finish(4), server.finish(5)]
    for (const path of [config, other]) expect(await run(['--config', path, `pg_wal/${own}`])).toBe(0)
    rmSync(join(folder, 'away'), { recursive: true })
    rmSync(join(folder, 'archive'), { recursive: true })
    for (const path of [config, other]) expect(await run(['--config', path, `pg_wal/${next}`])).toBe(0)
    mkdirSync(join(folder, 'archive'))
  })

  it('archives one by one when nothing can be left for later calls', async () => {
    writeFileSync(join(server.walDirectory, '.walr'), 'in the way')
    const [own, next] = [server.finish(4), server.finish(5)]
    expect(await archive(own)).toBe(0)
    expect(messages).toMatch(/^walr: warning: could not prepare ".*archived": /)
    expect(keys()).not.toContain(`wal/00000001/${next}`)
  })

  it('leaves no word for others when no server is running', async () => {
    rmSync(join(server.dataDirectory, 'postmaster.pid'))
    const [own] = [server.finish(4), server.finish(5)]
    expect(await archive(own)).toBe(0)
    expect(existsSync(join(server.walDirectory, '.walr'))).toBe(false)
    expect(keys()).toEqual(['identity.json', `wal/00000001/${own}`])
  })

  it('removes acknowledgements of files that are gone', async () => {
    const [own, next] = [server.finish(4), server.finish(5)]
    expect(await archive(own)).toBe(0)
    server.done(own)
    server.done(next)
    server.recycle(next)
    expect(await archive(server.finish(6))).toBe(0)
    expect(server.acknowledged).toEqual([])
  })

  it('fails when the storage is away, and says so', async () => {
    takeAway()
    expect(await archive(server.finish(4), '--timeout=0')).toBe(1)
    expect(messages).toMatch(/^walr: error: could not look into the archive: /)
  })

  it('fails when the file is there with other bytes, tells both places, and goes on ahead', async () => {
    const [own, next] = [server.finish(4), server.finish(5)]
    expect(await archive(own)).toBe(0)
    server.finish(4, 1, 1)
    rmSync(join(folder, 'archive/main', CLUSTER, 'wal/00000001', next))
    rmSync(join(server.walDirectory, '.walr'), { recursive: true })
    expect(await archive(own)).toBe(1)
    expect(messages).toContain(`the archive has other WAL under the name of segment "${own}"`)
    expect(messages).toContain('PostgreSQL keeps its file, and tries again for ever')
    expect(keys().filter((key) => key.startsWith('quarantine/'))).toHaveLength(1)
    expect(keys()).toContain(`wal/00000001/${next}`)
  })

  it('leaves no word for later calls when its own file fails: the archive may be replaced before they come', async () => {
    const [own, next] = [server.finish(4), server.finish(5)]
    expect(await archive(own)).toBe(0)
    expect(server.acknowledged).toEqual([next])
    server.finish(4, 1, 1)
    expect(await archive(own)).toBe(1)
    expect(server.acknowledged).toEqual([])
    replaceArchive()
    expect(await archive(own)).toBe(0)
    expect(await archive(next)).toBe(0)
    expect(keys()).toContain(`wal/00000001/${next}`)
  })

  it.each([
    ['old', -30_001],
    ['from the future', 60_000],
  ])('does not take an earlier call’s word when it is %s', async (_, shiftMs) => {
    const [own, next] = [server.finish(4), server.finish(5)]
    expect(await archive(own)).toBe(0)
    const path = join(server.walDirectory, ACKNOWLEDGEMENTS_FOLDER, server.acknowledgements[0] ?? '')
    const shifted = (ms: string): string => `"leftAtMs":${Number(ms) + shiftMs}`
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(/"leftAtMs":(\d+)/, (__, ms: string) => shifted(ms)),
    )
    replaceArchive()
    expect(await archive(next)).toBe(0)
    expect(keys()).toContain(`wal/00000001/${next}`)
    expect(server.acknowledgements).not.toContain(basename(path))
  })

  it('removes what was left for an archive that is gone', async () => {
    const [own, next] = [server.finish(4), server.finish(5)]
    expect(await archive(own)).toBe(0)
    expect(server.acknowledged).toEqual([next])
    // Not archived ahead once more.
    server.done(next)
    replaceArchive()
    expect(await archive(own)).toBe(0)
    expect(server.acknowledged).toEqual([])
  })

  it('ends without a word when it is asked to', async () => {
    stop.abort(new DOMException('SIGTERM', 'AbortError'))
    expect(await archive(server.finish(4))).toBe(1)
    expect(messages).toBe('')
    expect(keys().filter((key) => key.startsWith('wal/'))).toEqual([])
  })

  it('has the status that the wrapper asks for, for nothing but success', async () => {
    const name = server.finish(4)
    for (const [wanted, status] of [
      ['78', 78],
      ['0', 0],
      ['x', 0],
      ['256', 0],
    ] as const) {
      environment['WALR_ARCHIVED_STATUS'] = wanted
      expect(await archive(name)).toBe(status)
    }
    environment['WALR_ARCHIVED_STATUS'] = '78'
    takeAway()
    expect(await archive(name, '--timeout=0')).toBe(1)
  })

  it('takes an absolute path, and works from anywhere then', async () => {
    const name = server.finish(4)
    const path = join(server.walDirectory, name)
    expect(await run([path], { workingDirectory: folder, environment: { WALR_CONFIG: config } })).toBe(0)
    expect(keys()).toContain(`wal/00000001/${name}`)
  })

  it('shows its help', async () => {
    expect(await run(['--help'])).toBe(0)
    expect(output).toContain('walr archive-command [OPTION]... %p')
  })
})

describe('an error of the command line', () => {
  it.each([
    [[], 'needs one argument'],
    [[''], 'needs one argument'],
    [['pg_wal/000000010000000000000004', 'x'], 'too many command-line arguments (first is "x")'],
    [['pg_wal/000000010000000000000004.gz'], 'is not a file that PostgreSQL archives'],
    [['pg_wal/'], 'is not a file that PostgreSQL archives'],
    [['--jobs', '0', 'pg_wal/000000010000000000000004'], 'invalid value "0" for option --jobs'],
    [['--jobs', '65', 'pg_wal/000000010000000000000004'], 'invalid value "65" for option --jobs'],
    [['--timeout', 'soon', 'pg_wal/000000010000000000000004'], 'invalid value "soon" for option --timeout'],
    [['--unknown', 'pg_wal/000000010000000000000004'], '--unknown'],
    [['pg_wal/000000010000000000000004'], 'no configuration file is named'],
    [['--config', 'absent.yaml', 'pg_wal/000000010000000000000004'], 'absent.yaml'],
  ])('%j is told', async (argv, message) => {
    server.finish(4)
    expect(await run(argv)).toBe(1)
    expect(messages).toContain('walr: error: ')
    expect(messages).toContain(message)
  })

  it('is a configuration without an archive, or a place that is no data directory', async () => {
    const name = server.finish(4)
    writeFileSync(config, 'cluster: main\n')
    expect(await archive(name)).toBe(1)
    expect(messages).toContain('describes no archive')
    writeFileSync(config, CONFIG)
    expect(await run(['--config', config, `global/${name}`])).toBe(1)
    rmSync(join(server.dataDirectory, 'global'), { recursive: true })
    expect(await archive(name)).toBe(1)
    expect(messages).toContain('pg_control')
  })
})
