import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CERTIFICATE, ENCRYPTED_KEY, KEY, OTHER_KEY } from '../replication/connection/tls-files.fixture.ts'
import { RecordingLogger } from '../wal/recording.fixture.ts'
import { checkTlsFiles } from './check-tls-files.ts'
import { WalServerBench } from './wal-server.fixture.ts'

const broken = CERTIFICATE.replace('MIIBSzCB', 'MIIBSzCC')

describe('a server with TLS', () => {
  let bench: WalServerBench
  let root: string
  beforeEach(() => {
    bench = new WalServerBench()
    root = mkdtempSync(join(tmpdir(), 'walr-tls-'))
  })
  afterEach(async () => {
    await bench.dispose()
    rmSync(root, { recursive: true })
  })

  function start(cert: string, key: string, ca: string): Promise<unknown> {
    const files = {
      certFile: join(root, 'own.crt'),
      keyFile: join(root, 'own.key'),
      clientCaFile: join(root, 'ca.crt'),
    }
    writeFileSync(files.certFile, cert)
    writeFileSync(files.keyFile, key)
    writeFileSync(files.clientCaFile, ca)
    return bench.start(files)
  }

  it.each([
    ['no authorities', CERTIFICATE, KEY, '', 'ca.crt'],
    ['garbage for authorities', CERTIFICATE, KEY, 'garbage', 'ca.crt'],
    ['an authority that is broken behind a good one', CERTIFICATE, KEY, `${CERTIFICATE}${broken}`, 'ca.crt'],
    ['no certificate', '', KEY, CERTIFICATE, 'own.crt'],
    ['a broken certificate', broken, KEY, CERTIFICATE, 'own.crt'],
    ['no key', CERTIFICATE, '', CERTIFICATE, 'own.key'],
    ['an encrypted key', CERTIFICATE, ENCRYPTED_KEY, CERTIFICATE, 'own.key'],
    ['another key', CERTIFICATE, OTHER_KEY, CERTIFICATE, 'own.key'],
  ])('does not start, and names the file, with %s', async (_, cert, key, ca, name) => {
    await expect(start(cert, key, ca)).rejects.toMatchObject({
      code: 'WALR_HTTP_LISTEN',
      message: expect.stringContaining(join(root, name)) as string,
    })
  })

  it('starts with good files, several authorities, and text beside them', async () => {
    await start(`subject: x\n${CERTIFICATE}`, `${CERTIFICATE}${KEY}`, `a\n${CERTIFICATE}b\n${CERTIFICATE}`)
    expect(bench.log.lines).toEqual([])
  })
})

it.each([
  ['2019-06-01', 'is not valid yet'],
  ['2021-06-01', undefined],
  ['2121-06-01', 'expired: Jan  1 00:00:00 2120 GMT'],
])('a certificate is warned of when clients would refuse it: at %s', (now, text) => {
  const logger = new RecordingLogger()
  const settings = { ...new WalServerBench().options().settings, certFile: '/own.crt', keyFile: '/own.key' }
  const files = { cert: Buffer.from(CERTIFICATE), key: Buffer.from(KEY), ca: undefined }
  checkTlsFiles(files, { settings, logger, nowMs: Date.parse(now) })
  expect(logger.lines).toEqual(text === undefined ? [] : [expect.stringContaining(text)])
})
