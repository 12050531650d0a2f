import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { makeScratch } from '../support/scratch.ts'
import { startWalr } from '../support/walr-process.ts'

describe('a password in a connection string', () => {
  it.each([
    ['text', 'key-value', (port: number) => `host=127.0.0.1 port=${port} user=walr password=geheim`],
    ['json', 'URI', (port: number) => `postgres://walr:geheim@127.0.0.1:${port}/`],
  ])('is in no %s message and in no list of processes (%s)', async (format, _, connectionString) => {
    await using scratch = makeScratch('secrets')
    const port = await freePort()
    const argv = ['receive', '-vv', '-D', scratch.path, '-d', connectionString(port), '--log-format', format]
    await using walr = startWalr(argv)
    await walr.waitForLine(/127\.0\.0\.1/)
    expect(readFileSync(`/proc/${walr.pid}/cmdline`, 'utf8')).not.toContain('geheim')
    expect(await walr.stop()).toBe(0)
    expect([...walr.stdout, ...walr.stderr].join('\n')).not.toContain('geheim')
  })
})
