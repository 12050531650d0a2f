import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ScramExchange } from './scram-exchange.ts'

const BOTH = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']
const SALT = Buffer.from('salt and pepper!')
const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest()

/** The server's side, straight from RFC 5802: what it stores for `password`, and what it says. */
class ScramServer {
  clientFirstBare = ''
  serverFirst = ''
  authMessage = ''
  readonly #salted: Buffer

  constructor(password: string) {
    this.#salted = pbkdf2Sync(password, SALT, 4096, 32, 'sha256')
  }

  challenge(clientFirst: string): string {
    this.clientFirstBare = clientFirst.slice(clientFirst.indexOf('n=*'))
    const nonce = /r=(.*)$/.exec(clientFirst)?.[1] ?? ''
    this.serverFirst = `r=${nonce}more,s=${SALT.toString('base64')},i=4096`
    return this.serverFirst
  }

  accepts(clientFinal: string): boolean {
    const [withoutProof = '', proof = ''] = clientFinal.split(',p=')
    this.authMessage = [this.clientFirstBare, this.serverFirst, withoutProof].join(',')
    const storedKey = sha256(hmac(this.#salted, 'Client Key'))
    const signature = hmac(storedKey, this.authMessage)
    const clientKey = Buffer.from(Buffer.from(proof, 'base64').map((byte, index) => byte ^ (signature[index] ?? 0)))
    return sha256(clientKey).equals(storedKey)
  }

  signature(): string {
    return `v=${hmac(hmac(this.#salted, 'Server Key'), this.authMessage).toString('base64')}`
  }
}

/** SASLInitialResponse: mechanism and the client's first message. */
function open(message: Uint8Array): readonly [mechanism: string, text: string] {
  const body = Buffer.from(message).subarray(5)
  const end = body.indexOf(0)
  return [body.toString('utf8', 0, end), body.toString('utf8', end + 5)]
}

async function exchange(scram: ScramExchange, password: string, server: ScramServer): Promise<boolean> {
  const [, first] = open(scram.firstMessage())
  const final = await scram.finalMessage(server.challenge(first), password)
  return server.accepts(Buffer.from(final).toString('utf8', 5))
}

describe('SCRAM', () => {
  it.each(['pencil', 'pässwörd', 'a,b=c', ' '])(
    'proves the password %j, and checks the server’s proof',
    async (password) => {
      const server = new ScramServer(password)
      const scram = new ScramExchange(BOTH.slice(1), undefined, 'prefer')
      expect(await exchange(scram, password, server)).toBe(true)
      expect(scram.verified).toBe(false)
      scram.verify(server.signature())
      expect(scram.verified).toBe(true)
    },
  )

  it('prepares the password as the server does (RFC 4013)', async () => {
    const server = new ScramServer('IX a')
    expect(await exchange(new ScramExchange(BOTH.slice(1), undefined, 'prefer'), 'I\u00adX\u00a0\u00aa', server)).toBe(
      true,
    )
  })

  it('does not prove another password', async () => {
    expect(
      await exchange(new ScramExchange(BOTH.slice(1), undefined, 'prefer'), 'guess', new ScramServer('pencil')),
    ).toBe(false)
  })

  it('believes no other signature', async () => {
    const scram = new ScramExchange(BOTH.slice(1), undefined, 'prefer')
    await exchange(scram, 'pencil', new ScramServer('pencil'))
    for (const text of [`v=${Buffer.alloc(32).toString('base64')}`, 'v=', 'e=other-error', '']) {
      expect(() => scram.verify(text)).toThrow(expect.objectContaining({ code: 'WALR_AUTHENTICATION_FAILED' }))
    }
    expect(scram.verified).toBe(false)
  })

  it.each([
    [BOTH, true, 'prefer', 'SCRAM-SHA-256-PLUS', 'p=tls-server-end-point,,'],
    [BOTH, true, 'require', 'SCRAM-SHA-256-PLUS', 'p=tls-server-end-point,,'],
    [BOTH, true, 'disable', 'SCRAM-SHA-256', 'n,,'],
    [['SCRAM-SHA-256'], true, 'prefer', 'SCRAM-SHA-256', 'y,,'],
    [['SCRAM-SHA-256'], false, 'prefer', 'SCRAM-SHA-256', 'n,,'],
  ] as const)(
    'offered %j with TLS %s and channel_binding=%s chooses %s',
    (offered, tls, binding, mechanism, header) => {
      const scram = new ScramExchange(offered, tls ? Buffer.from('a certificate') : undefined, binding)
      const [chosen, text] = open(scram.firstMessage())
      expect(chosen).toBe(mechanism)
      expect(text.startsWith(header)).toBe(true)
      expect(scram.bound).toBe(mechanism.endsWith('PLUS'))
    },
  )

  it.each([
    [BOTH, false, 'prefer'],
    [['SCRAM-SHA-256'], false, 'require'],
    [['SCRAM-SHA-256'], true, 'require'],
    [['SCRAM-SHA-256-PLUS'], true, 'disable'],
    [['OAUTHBEARER'], true, 'prefer'],
    [[], true, 'prefer'],
  ] as const)('offered %j with TLS %s and channel_binding=%s gives up', (offered, tls, binding) => {
    expect(() => new ScramExchange(offered, tls ? Buffer.from('a certificate') : undefined, binding)).toThrow(
      expect.objectContaining({ code: 'WALR_AUTHENTICATION_FAILED' }),
    )
  })
})
