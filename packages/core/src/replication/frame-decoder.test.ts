import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameDecoder } from './frame-decoder.ts'
import type { CopySink } from './connection/replication-connection.ts'

type Event = readonly [string, ...unknown[]]

function record(options: { copy: boolean; slow?: boolean }): { decoder: FrameDecoder; events: Event[] } {
  const events: Event[] = []
  let payload: Buffer[] = []
  const wait = (): Promise<void> | undefined =>
    options.slow ? new Promise((resolve) => setImmediate(resolve)) : undefined
  const copySink: CopySink = {
    onStart: () => undefined,
    onWalHeader: (...numbers) => {
      payload = []
      events.push(['w', ...numbers])
    },
    onWalData: (bytes, offset, length, last) => {
      payload.push(Buffer.from(bytes.subarray(offset, offset + length)))
      if (last) events.push(['wal', Buffer.concat(payload).toString('hex')])
      return wait()
    },
    onKeepalive: (...values) => {
      events.push(['k', ...values])
      return wait()
    },
    onReadEnd: () => undefined,
    onCopyDone: () => undefined,
  }
  const handler = {
    copySink: options.copy ? copySink : undefined,
    onMessage: (type: number, body: Buffer): void | Promise<void> => {
      events.push([String.fromCharCode(type), body.toString('hex')])
      return wait()
    },
  }
  return { decoder: new FrameDecoder(handler), events }
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type, 0, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

function walData(startLsn: bigint, payload: Buffer): Buffer {
  const head = Buffer.alloc(25)
  head.write('w', 0, 'latin1')
  head.writeBigUInt64BE(startLsn, 1)
  head.writeBigUInt64BE(startLsn + 7n, 9)
  return message('d', Buffer.concat([head, payload]))
}

function keepalive(walEnd: bigint, reply: boolean): Buffer {
  const body = Buffer.alloc(18)
  body.write('k', 0, 'latin1')
  body.writeBigUInt64BE(walEnd, 1)
  body[17] = reply ? 1 : 0
  return message('d', body)
}

const stream = Buffer.concat([
  message('N', Buffer.from('SNOTICE\0Mhello\0\0')),
  walData(0x1_f000_0000n, Buffer.from('0123456789')),
  keepalive(0x1_f000_000an, true),
  walData(0x1_f000_000an, Buffer.alloc(0)),
  message('S', Buffer.from('in_hot_standby\0off\0')),
  walData(0x1_f000_000an, Buffer.from('x')),
  keepalive(0xffff_ffff_ffff_ffffn, false),
  message('c', Buffer.alloc(0)),
])

async function feed(pieces: readonly Buffer[], slow = false): Promise<Event[]> {
  const { decoder, events } = record({ copy: true, slow })
  for (const piece of pieces) await decoder.push(piece, 0, piece.length)
  return events
}

describe('FrameDecoder', () => {
  it('finds every message of a stream', async () => {
    expect(await feed([stream])).toEqual([
      ['N', Buffer.from('SNOTICE\0Mhello\0\0').toString('hex')],
      ['w', 1, 0xf000_0000, 1, 0xf000_0007, 10],
      ['wal', Buffer.from('0123456789').toString('hex')],
      ['k', 1, 0xf000_000a, true],
      ['w', 1, 0xf000_000a, 1, 0xf000_0011, 0],
      ['S', Buffer.from('in_hot_standby\0off\0').toString('hex')],
      ['w', 1, 0xf000_000a, 1, 0xf000_0011, 1],
      ['wal', '78'],
      ['k', 0xffff_ffff, 0xffff_ffff, false],
      ['c', ''],
    ])
  })

  it('gives the same messages wherever the stream is cut in two', async () => {
    const whole = await feed([stream])
    for (let cut = 0; cut <= stream.length; cut++) {
      expect(await feed([stream.subarray(0, cut), stream.subarray(cut)]), `cut at ${cut}`).toEqual(whole)
    }
  })

  it('gives the same messages byte by byte, and when the receiver is slow', async () => {
    const whole = await feed([stream])
    expect(await feed([...stream].map((byte) => Buffer.from([byte])))).toEqual(whole)
    expect(await feed([stream.subarray(0, 40), stream.subarray(40)], true)).toEqual(whole)
  })

  it('gives the same messages for any cutting', async () => {
    const whole = await feed([stream])
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(stream.length), { maxLength: 12 }), async (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), stream.length]
        const pieces = edges.slice(1).map((edge, index) => stream.subarray(edges[index] ?? 0, edge))
        expect(await feed(pieces)).toEqual(whole)
      }),
    )
  })

  it('never hangs on garbage: it is refused, or waits for no more than a bounded message', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 30, maxLength: 200 }), async (garbage) => {
        const { decoder, events } = record({ copy: true })
        try {
          await decoder.push(Buffer.from(garbage), 0, garbage.length)
        } catch (error) {
          expect(error).toMatchObject({ code: 'WALR_PROTOCOL' })
        }
        for (const event of events) expect(event[0]).toMatch(/^([RKSNETDCZWHGcvAInst123Vkw]|wal)$/)
      }),
    )
  })

  it.each([
    ['an unknown type', Buffer.from([0x00, 0, 0, 0, 4]), 'unexpected message type 0x00 from the server'],
    ['an HTTP answer', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'message "H" is too long: 1414811695 bytes'],
    ['a length below four', message('N', Buffer.alloc(0)).fill(0, 1), 'message "N" has impossible length 0'],
    ['an unknown stream message', message('d', Buffer.from('x1')), 'unrecognized streaming header: "x"'],
    ['an empty stream message', message('d', Buffer.alloc(0)), 'streaming header too small: 0'],
    ['a short XLogData', message('d', Buffer.from('w12345')), 'streaming header too small: 6'],
    ['a short keepalive', message('d', Buffer.from('k12345')), 'keepalive message has 6 bytes instead of 18'],
    ['a long keepalive', message('d', Buffer.alloc(30, 'k')), 'keepalive message has 30 bytes instead of 18'],
  ])('refuses %s', (_name, bytes, text) => {
    const { decoder, events } = record({ copy: true })
    expect(() => decoder.push(bytes, 0, bytes.length)).toThrow(text)
    const bytewise = record({ copy: true }).decoder
    expect(() => {
      for (const byte of bytes) void bytewise.push(Buffer.from([byte]), 0, 1)
    }).toThrow(text)
    expect(events).toEqual([])
  })

  it('hands CopyData on as a message when no stream is running', async () => {
    const { decoder, events } = record({ copy: false })
    await decoder.push(walData(1n, Buffer.from('a')), 0, 31)
    expect(events).toHaveLength(1)
    expect(events[0]?.[0]).toBe('d')
  })
})
