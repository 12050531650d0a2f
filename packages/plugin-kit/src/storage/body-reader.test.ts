import { Readable } from 'node:stream'
import { StorageError } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import { BodyReader } from './body-reader.ts'

const toStorageError = (error: unknown, failed: string): StorageError =>
  new StorageError('Transient', `${failed}: ${String(error)}`, { cause: error })

function reader(body: Readable, size?: number, signal = new AbortController().signal): BodyReader {
  return new BodyReader(body, { key: 'k', size, signal, toStorageError })
}

describe('a body', () => {
  it('is read as it comes', async () => {
    const chunks = await Array.fromAsync(reader(Readable.from([Buffer.from('ab'), Buffer.from('c')]), 3))
    expect(Buffer.concat(chunks).toString()).toBe('abc')
  })

  it('that ends early is Transient, never a short success', async () => {
    const reading = Array.fromAsync(reader(Readable.from([Buffer.from('ab')]), 3))
    await expect(reading).rejects.toMatchObject({ code: 'Transient', message: '"k" ended after 2 of 3 bytes' })
  })

  it('is freed when it is left before the first chunk', async () => {
    const body = Readable.from([Buffer.from('ab')])
    await reader(body, 2).return()
    expect(body.destroyed).toBe(true)
  })

  it('rejects with the reason of the signal, and is freed', async () => {
    const body = new Readable({ read: () => undefined })
    const stop = new AbortController()
    const reading = reader(body, 2, stop.signal).next()
    const reason = new Error('enough')
    stop.abort(reason)
    body.destroy(new Error('cut'))
    await expect(reading).rejects.toBe(reason)
    expect(body.destroyed).toBe(true)
  })

  it('tells how far it came when the connection is cut', async () => {
    const body = new Readable({ read: () => undefined })
    const reading = reader(body, 9).next()
    body.destroy(new Error('cut'))
    await expect(reading).rejects.toThrow('could not read "k" to its end, only 0 of 9 bytes: Error: cut')
  })
})
