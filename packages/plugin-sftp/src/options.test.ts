import { isOptionsError, type OptionsError } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import { optionDescriptions } from './option-descriptions.ts'
import { parseOptions } from './options.ts'
import { optionsSchema } from './options-schema.ts'

const NEEDED = { host: 'backup.example.com', directory: '/srv/walr' }
const FINGERPRINT = `SHA256:${'a'.repeat(43)}`

function faultsOf(input: Readonly<Record<string, unknown>>): OptionsError['faults'] {
  try {
    parseOptions(input)
  } catch (error) {
    if (isOptionsError(error)) return error.faults
    throw error
  }
  return []
}

describe('options of SFTP', () => {
  it('need a host and a directory only', () => {
    expect(parseOptions(NEEDED)).toEqual({
      ...NEEDED,
      port: 22,
      prefix: '',
      hardLinks: true,
      mode: 'private',
      maxConnections: 4,
      connectTimeoutMs: 20_000,
      requestTimeoutMs: 30_000,
      keepaliveIntervalMs: 15_000,
      idleTimeoutMs: 60_000,
    })
    expect(
      faultsOf({})
        .map(({ path }) => path)
        .sort(),
    ).toEqual(['directory', 'host'])
  })

  it('may come as text from the environment', () => {
    const text = { port: '2222', hardLinks: 'false', maxConnections: '8', keepaliveIntervalMs: '0' }
    expect(parseOptions({ ...NEEDED, ...text, hostKey: `${FINGERPRINT} ${FINGERPRINT}=` })).toMatchObject({
      port: 2222,
      hardLinks: false,
      maxConnections: 8,
      keepaliveIntervalMs: 0,
      hostKey: [FINGERPRINT, FINGERPRINT],
    })
  })

  it('take a directory with or without slashes at its end', () => {
    expect(parseOptions({ ...NEEDED, directory: '/srv/walr//' }).directory).toBe('/srv/walr')
    expect(parseOptions({ ...NEEDED, directory: '/' }).directory).toBe('/')
    expect(parseOptions({ ...NEEDED, directory: 'walr' }).directory).toBe('walr')
  })

  it('tell all faults at once, each with its path and the value, and the nearest name', () => {
    const faults = faultsOf({ host: 'a b', directory: '/x', portt: 1, mode: 'public', prefix: 'a/../b' })
    expect(faults.map(({ path }) => path).sort()).toEqual(['host', 'mode', 'portt', 'prefix'])
    expect(faults.find(({ path }) => path === 'mode')?.message).toContain('"public"')
    expect(faults.find(({ path }) => path === 'portt')?.message).toContain('"port"')
  })

  it.each<[Readonly<Record<string, unknown>>, string]>([
    [{ privateKey: 'a', privateKeyFile: 'b' }, 'privateKey'],
    [{ hostKey: FINGERPRINT, knownHostsFile: 'x' }, 'hostKey'],
    [{ passphrase: 'a' }, 'passphrase'],
    [{ hostKey: [] }, 'hostKey'],
    [{ hostKey: ['MD5:aa'] }, 'hostKey.0'],
    [{ port: 0 }, 'port'],
    [{ port: 65_536 }, 'port'],
    [{ maxConnections: 0 }, 'maxConnections'],
    [{ marker: 'a/b' }, 'marker'],
    [{ directory: 'a\0b' }, 'directory'],
    [{ host: 'user@host' }, 'host'],
    [{ keepaliveIntervalMs: -1 }, 'keepaliveIntervalMs'],
    [{ mode: 'all' }, 'mode'],
  ])('of %o have a fault at %s', (options, path) => {
    expect(faultsOf({ ...NEEDED, ...options }).map((fault) => fault.path)).toContain(path)
  })

  it('never show a secret', () => {
    const secret = 'vErYsEcReT'
    const wrong = { password: [secret], privateKey: { secret }, passphrase: { secret } }
    const faults = faultsOf({ ...NEEDED, ...wrong })
    expect(faults).toHaveLength(3)
    expect(JSON.stringify(faults)).not.toContain(secret)
  })

  it('are described, each of them, and nothing else', () => {
    const described = optionDescriptions.map(({ name }) => name)
    expect(described.toSorted()).toEqual(Object.keys(optionsSchema.shape).sort())
    const secrets = optionDescriptions.filter(({ secret }) => secret).map(({ name }) => name)
    expect(secrets).toEqual(['password', 'privateKey', 'passphrase'])
  })
})
