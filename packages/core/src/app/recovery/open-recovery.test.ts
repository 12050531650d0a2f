import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeDisk } from '../../disk/node-disk.ts'
import { deliverCopy } from '../../restore/deliver-copy.ts'
import { CLUSTER, SEGMENT, segment } from '../../restore/segment.fixture.ts'
import { parseWantedFile } from '../../restore/wanted-file.ts'
import { RecordingLogger } from '../../wal/recording.fixture.ts'
import { openRecovery, type OpenedRecovery } from './open-recovery.ts'
import type { RecoverySettings } from './recovery-settings.ts'

const two = '000000010000000000000002'
const three = '000000010000000000000003'
const key = 'ab'.repeat(32)
const signal = new AbortController().signal

let root: string
let target: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-open-'))
  target = join(root, 'RECOVERYXLOG')
  mkdirSync(join(root, 'archive'))
  store('identity.json', identity())
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const identity = (cluster = CLUSTER): string =>
  JSON.stringify({ format: 1, archiveId: 'a', systemIdentifier: cluster.toString(), walSegmentSize: SEGMENT })

function store(path: string, bytes: string | Buffer): void {
  const file = join(root, 'archive', 'main', CLUSTER.toString(), path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, bytes)
}

function configure(text: string): string {
  const file = join(root, 'walr.yaml')
  writeFileSync(file, text)
  return file
}

const archive = 'archive: { storage: { use: local, path: archive } }\n'

async function using<T>(
  settings: Partial<RecoverySettings>,
  work: (opened: OpenedRecovery) => Promise<T>,
  environment = {},
): Promise<T> {
  const all = { archiveOnly: false, timeoutMs: 1_000, ...settings }
  await using opened = await openRecovery(all, { logger: new RecordingLogger(), signal, environment })
  return await work(opened)
}

function restore(settings: Partial<RecoverySettings>, name = two, environment = {}): Promise<'delivered' | 'absent'> {
  const place = { disk: nodeDisk, path: target, sync: 'always', signal } as const
  const request = { wanted: parseWantedFile(name), partial: 'auto' } as const
  return using(
    settings,
    ({ fetcher }) => fetcher.fetch(request, (copy) => deliverCopy(copy, place), signal),
    environment,
  )
}

describe('recovery with a configuration', () => {
  it('reads an archive through the real loader, whatever codec is configured now', async () => {
    store(`wal/00000001/${two}.zst`, zstdCompressSync(segment(two)))
    for (const codecs of ['', '  codecs: []\n', '  codecs: [ { use: gzip } ]\n']) {
      const configPath = configure(`archive:\n  storage: { use: local, path: archive }\n${codecs}`)
      expect(await restore({ configPath })).toBe('delivered')
      expect(readFileSync(target).equals(segment(two))).toBe(true)
      expect(await restore({ configPath }, three)).toBe('absent')
    }
  })

  it('asks the receive directory of the configuration first, and not with --archive-only', async () => {
    mkdirSync(join(root, 'wal'))
    const configPath = configure(`receive: { directory: wal }\n${archive}`)
    writeFileSync(join(root, 'wal', three), segment(three))
    store(`wal/00000001/${two}`, segment(two))
    expect(await restore({ configPath }, three)).toBe('delivered')
    expect(await restore({ configPath }, two)).toBe('delivered')
    expect(await restore({ configPath, archiveOnly: true }, two)).toBe('delivered')
    expect(await restore({ configPath, archiveOnly: true }, three)).toBe('absent')
  })

  it('calls nothing absent when the receive directory is on another machine, but with --archive-only', async () => {
    const configPath = configure(`receive: { directory: /does/not/exist }\n${archive}`)
    store(`wal/00000001/${two}.zst`, zstdCompressSync(segment(two)))
    expect(await restore({ configPath })).toBe('delivered')
    const hint = expect.stringContaining('--archive-only') as unknown
    await expect(restore({ configPath }, three)).rejects.toMatchObject({ code: 'WALR_DIRECTORY', hint })
    expect(await restore({ configPath, archiveOnly: true }, three)).toBe('absent')
  })

  it('does not look at the rest of a configuration as long as the directory has the file', async () => {
    mkdirSync(join(root, 'wal'))
    writeFileSync(join(root, 'wal', two), segment(two))
    const configPath = configure('archive: { storage: { use: "${NOT_SET}" } }\nreceive: { directory: wal }')
    expect(await restore({ configPath })).toBe('delivered')
    await expect(restore({ configPath }, three)).rejects.toMatchObject({ code: 'WALR_CONFIG' })
    const gone = join(root, 'gone.yaml')
    expect(await restore({ configPath: gone, directory: join(root, 'wal') })).toBe('delivered')
    await expect(restore({ configPath: gone, directory: join(root, 'wal') }, three)).rejects.toThrow('gone.yaml')
    await expect(restore({ configPath: gone })).rejects.toThrow('gone.yaml')
  })

  it('takes the archive of the environment for one, too', async () => {
    store(`wal/00000001/${two}.zst`, zstdCompressSync(segment(two)))
    const configPath = configure('cluster: main\n')
    const environment = { WALR_ARCHIVE_STORAGE_USE: 'local', WALR_ARCHIVE_STORAGE_PATH: join(root, 'archive') }
    expect(await restore({ configPath }, two, environment)).toBe('delivered')
  })

  it.each([
    ['nothing', 'cluster: main\n', {}],
    ['an archive that is none', 'cluster: main\n', { WALR_ARCHIVE_CONCURRENCY: '' }],
  ])('is refused when it names %s', async (_what, text, environment) => {
    const configPath = configure(text)
    const refused = restore({ configPath }, two, environment)
    await expect(refused).rejects.toThrow('names no receive directory and no archive')
  })

  it('lets a receive directory say "absent" alone when there is no archive after all', async () => {
    mkdirSync(join(root, 'wal'))
    writeFileSync(join(root, 'wal', two), segment(two))
    const configPath = configure('receive: { directory: wal }\n')
    expect(await restore({ configPath, directory: join(root, 'wal') }, three)).toBe('absent')
    mkdirSync(join(root, 'wal', '.walr'))
    writeFileSync(join(root, 'wal', '.walr', 'archive.json'), '{}')
    writeFileSync(join(root, 'wal', '.walr', 'identity.json'), identity())
    await expect(
      restore({ configPath, directory: join(root, 'wal') }, '000000010000000000000001'),
    ).rejects.toMatchObject({ code: 'WALR_ARCHIVE_UNAVAILABLE' })
  })

  it.each([
    ['whose volume is gone', () => renameSync(join(root, 'archive'), join(root, 'away'))],
    ['that is an empty mount point', () => rmSync(join(root, 'archive', 'main'), { recursive: true })],
    ['of another cluster', () => store('identity.json', identity(5n))],
  ])('never takes a file for absent in an archive %s', async (_what, spoil) => {
    spoil()
    const configPath = configure(archive)
    const systemIdentifier = CLUSTER.toString()
    await expect(restore({ configPath, systemIdentifier })).rejects.toMatchObject({
      code: expect.stringMatching(/^WALR_ARCHIVE_/) as unknown,
    })
    expect(readdirSync(root)).not.toContain('RECOVERYXLOG')
  })

  it('never takes a file for absent with a plugin that cannot be loaded, or a key that cannot be read', async () => {
    for (const text of [
      'plugins: ["./gone"]\narchive: { storage: { use: "./gone" } }\n',
      `archive: { storage: { use: local, path: archive }, codecs: [ { use: zstd, level: 999 } ] }\n`,
      `archive: { storage: { use: local, path: archive, key: "${key}" } }\n`,
    ]) {
      await expect(restore({ configPath: configure(text) })).rejects.toMatchObject({
        code: expect.stringMatching(/^WALR_(PLUGIN|CONFIG|KEY)$/) as unknown,
      })
    }
  })
})

describe('what is known of a recovery', () => {
  it('comes from the data directory, the receive directory, and then the archive', async () => {
    const configPath = configure(archive)
    await using({ configPath, archiveOnly: true }, async (opened) => {
      expect(opened).toMatchObject({ systemIdentifier: undefined, walSegmentSize: undefined, dependsOn: [configPath] })
      const identified = await opened.identify(signal)
      expect(identified).toEqual({ systemIdentifier: CLUSTER.toString(), walSegmentSize: SEGMENT })
    })
    mkdirSync(join(root, 'wal', '.walr'), { recursive: true })
    writeFileSync(join(root, 'wal', '.walr', 'identity.json'), identity())
    await using({ directory: join(root, 'wal') }, async (opened) => {
      const known = { systemIdentifier: CLUSTER.toString(), walSegmentSize: SEGMENT }
      expect(opened).toMatchObject({ ...known, dependsOn: [] })
      expect(await opened.identify(signal)).toMatchObject(known)
    })
    await using({ configPath, systemIdentifier: '5' }, async (opened) => {
      expect(opened.systemIdentifier).toBe('5')
      expect(await opened.identify(signal)).toEqual({ systemIdentifier: '5', walSegmentSize: undefined })
    })
  })
})
