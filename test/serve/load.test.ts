import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { waitFor } from '../support/wait-for.ts'
import { fetchWal, segmentName, ServedPlace } from './served-place.ts'

const SEGMENT = 16_777_216
const MIB = 1_048_576
const READERS = 10

it('serves ten at once, from the archive, without holding what they have not taken yet', async () => {
  await using place = new ServedPlace(SEGMENT)
  place.archiveSegment(1)
  await place.serve()
  const path = `/v1/wal/${segmentName(1)}`
  const expected = place.segment(1)
  expect((await fetchWal(place.url, path)).body.equals(expected)).toBe(true)
  const before = residentBytes(place.walr.pid)

  const readers = await Promise.all(Array.from({ length: READERS }, () => beginReading(place.url, path)))
  // Each has begun, and takes nothing more for now: sixteen times ten MiB would be held by who holds segments.
  await waitFor('all have begun', () => readers.every(({ received }) => received() > 0))
  let highest = 0
  for (let look = 0; look < 20; look++) {
    highest = Math.max(highest, residentBytes(place.walr.pid))
    await fetchWal(place.url, '/healthz')
  }
  const bodies = await Promise.all(readers.map(({ finish }) => finish()))
  for (const body of bodies) expect(body.equals(expected)).toBe(true)
  expect((highest - before) / MIB).toBeLessThan(80)
})

interface Reader {
  readonly received: () => number
  /** Resolves to the body. */
  readonly finish: () => Promise<Buffer>
}

async function beginReading(url: string, path: string): Promise<Reader> {
  const socket: Socket = connect(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => {
    chunks.push(chunk)
    if (!finishing) socket.pause()
  })
  let finishing = false
  return {
    received: () => chunks.length,
    finish: async () => {
      finishing = true
      const ended = once(socket, 'end')
      socket.resume()
      await ended
      const answer = Buffer.concat(chunks)
      return answer.subarray(answer.indexOf('\r\n\r\n') + 4)
    },
  }
}

function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes) * 1024
}
