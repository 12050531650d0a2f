import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CLUSTER, encode, segment } from '../../restore/segment.fixture.ts'
import { RecordingLogger } from '../../wal/recording.fixture.ts'
import { RecoverySupply } from './recovery-supply.ts'

const one = '000000010000000000000001'
const { signal } = new AbortController()
let root: string
let now: number
let outcomes: (string | undefined)[]
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-supply-'))
  mkdirSync(join(root, 'received'))
  now = 0
  outcomes = []
})
afterEach(() => rmSync(root, { recursive: true }))

function make(): RecoverySupply {
  return new RecoverySupply({
    logger: new RecordingLogger(),
    environment: {},
    onOutcome: (error) => outcomes.push(error?.code),
    now: () => now,
  })
}
const configured = () => ({ configPath: join(root, 'walr.config.yaml'), archiveOnly: false, timeoutMs: 1000 })
const plain = () => ({ directory: join(root, 'received'), archiveOnly: false, timeoutMs: 1000 })

describe('served WAL', () => {
  it('is unknown before there is anything to ask', async () => {
    await using supply = make()
    await expect(supply.open()).rejects.toMatchObject({ code: 'WALR_SERVE_UNAVAILABLE' })
    expect(outcomes).toEqual([])
  })

  it('that cannot be opened is tried again, but not with each of many requests', async () => {
    await using supply = make()
    supply.begin(configured())
    await expect(supply.open()).rejects.toMatchObject({ code: 'WALR_CONFIG' })
    writeFileSync(join(root, 'walr.config.yaml'), 'receive: { directory: received }')
    now = 999
    await expect(supply.open()).rejects.toMatchObject({ code: 'WALR_CONFIG' })
    now = 1000
    const [served, same] = await Promise.all([supply.open(), supply.open()])
    expect(served).toBe(same)
    expect(outcomes).toEqual(['WALR_CONFIG', undefined])
  })

  it.each(['', '.gz', '.lz4', '.zst'] as const)(
    'has the owner of its first segment where nothing else says it: %s',
    async (suffix) => {
      await using supply = make()
      supply.begin(plain())
      const served = await supply.open()
      expect(served.systemIdentifier).toBeUndefined()
      expect(await served.identify(signal)).toBeUndefined()
      writeFileSync(join(root, 'received', `${one}${suffix}`), encode[suffix](segment(one)))
      expect(await served.identify(signal)).toBe(CLUSTER.toString())
      expect(served.systemIdentifier).toBe(CLUSTER.toString())
    },
  )
})
