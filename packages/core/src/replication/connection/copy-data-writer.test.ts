import { describe, expect, it } from 'vitest'
import { CopyDataWriter } from './copy-data-writer.ts'

function makeWriter(): { writer: CopyDataWriter; sent: Uint8Array[]; flush: () => void } {
  const sent: Uint8Array[] = []
  const target = {
    idle: true,
    send(message: Uint8Array) {
      sent.push(message)
      target.idle = false
    },
  }
  return { writer: new CopyDataWriter(target), sent, flush: () => (target.idle = true) }
}

const payload = (text: string): Buffer => Buffer.from(text)
const frame = (text: string): Buffer => Buffer.concat([Buffer.from([0x64, 0, 0, 0, text.length + 4]), payload(text)])

describe('CopyData', () => {
  it('is framed', () => {
    const { writer, sent } = makeWriter()
    writer.write(payload('status'))
    expect(sent.map((bytes) => Buffer.from(bytes))).toEqual([frame('status')])
  })

  it('goes through one buffer when each message is flushed before the next', () => {
    const { writer, sent, flush } = makeWriter()
    for (const text of ['one', 'two', 'six']) {
      writer.write(payload(text))
      expect(Buffer.from(sent.at(-1) ?? [])).toEqual(frame(text))
      flush()
    }
    expect(new Set(sent.map(({ buffer }) => buffer)).size).toBe(1)
  })

  it('never changes a message that is still on its way', () => {
    const { writer, sent, flush } = makeWriter()
    const texts = ['one', 'two', 'three']
    for (const text of texts) writer.write(payload(text))
    expect(sent.map((bytes) => Buffer.from(bytes))).toEqual(texts.map(frame))
    flush()
    writer.write(payload('four'))
    expect(sent.slice(1, 3).map((bytes) => Buffer.from(bytes))).toEqual(texts.slice(1).map(frame))
  })

  it('may change its length', () => {
    const { writer, sent } = makeWriter()
    const long = Buffer.alloc(1000, 'l')
    writer.write(long)
    writer.write(payload('short'))
    expect(Buffer.from(sent[0] ?? []).subarray(5)).toEqual(long)
    expect(Buffer.from(sent[1] ?? [])).toEqual(frame('short'))
  })
})
