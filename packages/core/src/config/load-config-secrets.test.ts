import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isWalrError, type WalrError } from '../errors/walr-error.ts'
import { ConfigDirectory } from './load-config.fixture.ts'
import { loadConfig } from './load-config.ts'

let directory: ConfigDirectory
beforeEach(() => {
  directory = new ConfigDirectory()
})
afterEach(() => directory.dispose())

describe('a secret', () => {
  it.each([
    ['connection: { password: [geheim] }'],
    ['connection: { password: true, geheim: x }'.replace('geheim: x', 'sslpassword: { geheim: 1 }')],
    ['connection: "host=db password=geheim geheim"'],
    ['connection: "postgresql://walr:geheim@/%zz"'],
    ['cluster: "${file:secret}"'],
    ['receive: { statusInterval: "${file:secret}" }'],
    ['cluster: "${SOME_PASSWORD}"'],
    ['password: geheim'],
    ['connection: "${file:secret}"'],
    ['connection: "${file:secret}"\ncluster: ${file:secret}'],
    ['archive: { storage: { use: "${file:secret}" } }'],
    ['plugins: ["${file:secret}", "${file:secret}"]'],
    ['receive: { slot: "${SECRET_SLOT}", guardSlot: "${SECRET_SLOT}" }'],
    ['connection: { password: "geheim }'],
    ['connection: { password: *geheim }'],
    ['connection: { password: !geheim x }'],
    ['connection: { password: "${geheim" }'],
    ['connection: { password: "a${geheim!}" }'],
  ])('of %s is in no message', async (content) => {
    directory.file('secret', '/geheim')
    const message = await directory.failure(content, {
      environment: { SOME_PASSWORD: '/geheim', SECRET_SLOT: 'geheim' },
    })
    expect(message).not.toContain('geheim')
  })

  it('of a connection string that gets more keywords is in no message', async () => {
    directory.file('secret', '/geheim')
    const environment = { WALR_CONNECTION_HOST: 'db' }
    const message = await directory.failure('connection: "${file:secret}"', { environment })
    expect(message).toContain('"connection": must be a connection string')
    expect(message).not.toContain('geheim')
  })

  it.each(['{ "password": geheim }', '{ "password": "x" geheim', '{"password": "geheim', '{"a": geheim"x": 1}'])(
    'of the broken JSON %s is in no message',
    async (content) => {
      const path = directory.file('walr.json', content)
      const error = await loadConfig({ path, environment: {}, workingDirectory: directory.root, search: false }).catch(
        (reason: unknown) => reason as WalrError,
      )
      expect(isWalrError(error, 'WALR_CONFIG') && error.message).toContain('walr.json')
      expect(inspect(error, { depth: 10 })).not.toContain('geheim')
    },
  )
})
