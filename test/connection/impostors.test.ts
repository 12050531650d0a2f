import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  authenticationOk,
  errorResponse,
  message,
  parameterStatus,
  readyForQuery,
} from '../support/backend-messages.ts'
import { failureOf } from './connect-for-test.ts'
import { answering, startFakeServer } from './fake-server.ts'
import { containing, matching } from './matchers.ts'

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
const authentication = (request: number, data: Uint8Array | string = ''): Buffer =>
  message('R', int32(request), Buffer.from(data))
const GREETING = Buffer.concat([
  parameterStatus('server_version', '18.0'),
  parameterStatus('integer_datetimes', 'on'),
  readyForQuery(),
])

async function failure(more: string, ...answers: readonly Uint8Array[]): Promise<unknown> {
  await using server = await startFakeServer(answering(...answers))
  return await failureOf(`host=127.0.0.1 port=${server.port} user=joe password=sesame connect_timeout=10 ${more}`)
}

describe('during TLS negotiation, a server', () => {
  it('may not slip in bytes in the clear behind its answer', async () => {
    const slipped = Buffer.concat([Buffer.from('S'), authenticationOk(), GREETING])
    expect(await failure('sslmode=require', slipped)).toMatchObject({
      code: 'WALR_TLS_FAILED',
      message: containing('received unencrypted data after SSL response'),
    })
  })

  it('is not quoted when it answers with an error', async () => {
    const error = errorResponse({ message: 'send your password to evil.test' })
    expect(await failure('sslmode=require', error)).toMatchObject({
      code: 'WALR_TLS_FAILED',
      message: matching(/server sent an error response during SSL exchange$/),
    })
  })

  it('may not answer with anything else', async () => {
    expect(await failure('sslmode=require', Buffer.from('HTTP/1.1 400'))).toMatchObject({
      code: 'WALR_TLS_FAILED',
      message: containing('received invalid response to SSL negotiation: "H"'),
    })
  })

  it('may refuse and go on at once', async () => {
    const both = [Buffer.from('N'), Buffer.concat([authenticationOk(), GREETING])]
    expect(await failure('sslmode=prefer', ...both)).toBe('connected')
  })

  it('fails the handshake when what follows is no TLS', async () => {
    expect(await failure('sslmode=require', Buffer.from('S'), Buffer.from('rubbish'))).toMatchObject({
      code: 'WALR_TLS_FAILED',
      message: matching(/^connection to server at "127\.0\.0\.1", port \d+ failed: SSL error: /),
    })
  })
})

describe('at the login, a server', () => {
  const plain = 'sslmode=disable'

  it('has to speak the protocol', async () => {
    expect(await failure(plain, Buffer.from('HTTP/1.1 400 Bad Request\r\n'))).toMatchObject({
      code: 'WALR_PROTOCOL',
      message: containing('expected authentication request from server, but received "H"'),
    })
  })

  it('may not be ready before it has authenticated us', async () => {
    expect(await failure(plain, Buffer.concat([authentication(3), GREETING]))).toMatchObject({ code: 'WALR_PROTOCOL' })
  })

  it.each([
    [7, 'GSSAPI authentication not supported'],
    [9, 'SSPI authentication not supported'],
    [2, 'authentication method 2 not supported'],
    [6, 'authentication method 6 not supported'],
  ])('may ask for authentication %d, which walr does not speak', async (request, text) => {
    expect(await failure(plain, authentication(request))).toMatchObject({
      code: 'WALR_AUTHENTICATION_FAILED',
      message: containing(text),
    })
  })

  it('gets no password in the clear when require_auth forbids it', async () => {
    await using server = await startFakeServer(answering(authentication(3)))
    const settings = `host=127.0.0.1 port=${server.port} user=joe password=sesame sslmode=disable require_auth=!password`
    expect(await failureOf(settings)).toMatchObject({ code: 'WALR_AUTHENTICATION_FAILED' })
    expect(server.received().includes('sesame')).toBe(false)
  })

  it.each([
    ['57P03', 'WALR_CONNECT_FAILED'],
    ['53300', 'WALR_CONNECT_FAILED'],
    ['08P01', 'WALR_CONNECT_FAILED'],
    ['28000', 'WALR_AUTHENTICATION_FAILED'],
    ['3D000', 'WALR_AUTHENTICATION_FAILED'],
    ['42501', 'WALR_AUTHENTICATION_FAILED'],
  ])('may refuse with %s, which is %s', async (sqlState, code) => {
    const fields = { severity: 'FATAL', sqlState, message: 'no', detail: 'the detail', hint: 'the hint' }
    expect(await failure(plain, errorResponse(fields))).toMatchObject({
      code,
      sqlState,
      detail: 'the detail',
      hint: 'the hint',
      message: matching(/failed: FATAL: {2}no$/),
    })
  })

  it('may hang up, which is reported with the place', async () => {
    await using server = await startFakeServer((socket) => socket.once('data', () => socket.end()))
    expect(await failureOf(`host=127.0.0.1 port=${server.port} user=joe sslmode=disable`)).toMatchObject({
      code: 'WALR_CONNECT_FAILED',
      message: `connection to server at "127.0.0.1", port ${server.port} failed: server closed the connection unexpectedly`,
    })
  })

  it('may be silent, until connect_timeout', async () => {
    await using server = await startFakeServer(() => undefined)
    for (const sslmode of ['disable', 'require']) {
      const settings = `host=127.0.0.1 port=${server.port} user=joe sslmode=${sslmode} connect_timeout=1`
      const started = performance.now()
      expect(await failureOf(settings)).toMatchObject({
        code: 'WALR_CONNECT_FAILED',
        message: matching(/failed: timeout expired$/),
      })
      expect(performance.now() - started).toBeLessThan(5000)
    }
  })

  it('may be silent, until the caller has had enough', async () => {
    await using server = await startFakeServer(() => undefined)
    const reason = new Error('enough')
    for (const sslmode of ['disable', 'require']) {
      const abort = new AbortController()
      const attempt = failureOf(`host=127.0.0.1 port=${server.port} user=joe sslmode=${sslmode}`, {
        signal: abort.signal,
      })
      setImmediate(() => abort.abort(reason))
      expect(await attempt).toBe(reason)
    }
    expect(await failureOf(`host=127.0.0.1 port=${server.port} user=joe`, { signal: AbortSignal.abort(reason) })).toBe(
      reason,
    )
  })
})

describe('in a SCRAM exchange, a server', () => {
  const SALT = Buffer.from('0123456789abcdef')
  const ITERATIONS = 4096

  /** Plays the server's part; `signWith` is the password that it claims to know. */
  async function exchange(signWith: string | undefined, extra = ''): Promise<unknown> {
    let clientFirst = ''
    let serverFirst = ''
    await using server = await startFakeServer((socket) => {
      let step = 0
      socket.on('data', (chunk) => {
        step++
        if (step === 1) socket.write(authentication(10, 'SCRAM-SHA-256\0\0'))
        if (step === 2) {
          clientFirst = /n,,(n=.*)$/.exec(chunk.toString())?.[1] ?? ''
          const nonce = `${/r=(.*)$/.exec(clientFirst)?.[1] ?? ''}${extra === 'nonce' ? '' : 'server'}`
          serverFirst = `r=${nonce},s=${SALT.toString('base64')},i=${ITERATIONS}`
          socket.write(authentication(11, serverFirst))
        }
        if (step === 3 && signWith === undefined) socket.write(Buffer.concat([authenticationOk(), GREETING]))
        if (step === 3 && signWith !== undefined) {
          const withoutProof = /(c=.*),p=/.exec(chunk.toString('latin1'))?.[1] ?? ''
          const salted = pbkdf2Sync(signWith, SALT, ITERATIONS, 32, 'sha256')
          const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
          const signature = hmac(hmac(salted, 'Server Key'), [clientFirst, serverFirst, withoutProof].join(','))
          const final = authentication(12, `v=${signature.toString('base64')}`)
          const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest()
          expect(storedKey).toHaveLength(32)
          socket.write(Buffer.concat([final, authenticationOk(), GREETING]))
        }
      })
    })
    return await failureOf(`host=127.0.0.1 port=${server.port} user=joe password=sesame sslmode=disable`)
  }

  it('that knows the password is believed', async () => {
    expect(await exchange('sesame')).toBe('connected')
  })

  it('that does not know the password is not believed', async () => {
    expect(await exchange('guess')).toMatchObject({
      code: 'WALR_AUTHENTICATION_FAILED',
      message: matching(/incorrect server signature$/),
    })
  })

  it('that does not prove it is not believed', async () => {
    expect(await exchange(undefined)).toMatchObject({
      code: 'WALR_AUTHENTICATION_FAILED',
      message: matching(/server did not complete the SCRAM exchange$/),
    })
  })

  it('has to add to the nonce', async () => {
    expect(await exchange('sesame', 'nonce')).toMatchObject({ code: 'WALR_AUTHENTICATION_FAILED' })
  })

  it.each([
    ['SCRAM-SHA-512\0\0', /none of the server's SASL authentication mechanisms are supported: SCRAM-SHA-512$/],
    ['OAUTHBEARER\0\0', /none of the server's SASL authentication mechanisms are supported: OAUTHBEARER$/],
    [
      'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0',
      /server offered SCRAM-SHA-256-PLUS authentication over a non-SSL connection$/,
    ],
  ])('may not offer only %j', async (mechanisms, text) => {
    expect(await failure('sslmode=disable', authentication(10, mechanisms))).toMatchObject({
      code: 'WALR_AUTHENTICATION_FAILED',
      message: matching(text),
    })
  })
})
