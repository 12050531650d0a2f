import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { ProgressLine } from './progress-line.ts'
import { VerifyProgress } from './verify-progress.ts'

class Sink extends Writable {
  text = ''
  readonly isTTY: boolean

  constructor(isTTY: boolean) {
    super()
    this.isTTY = isTTY
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

const MB = 1_048_576
const meter = { segments: 0, objects: 0, plainBytes: 0, storedBytes: 0, skippedSegments: 10, records: 0 }

it('tells bytes, rate and time, without what an earlier run did', () => {
  let nowMs = 0
  const options = { plainBytes: 100 * MB, walSegmentSize: MB, meter: { ...meter, segments: 40 } }
  const progress = new VerifyProgress(new ProgressLine(new Sink(true), false), options, () => nowMs)
  nowMs = 2000
  expect(progress.text).toBe('verified 50 MB of 100 MB (50%), 20 MB/s, 3 s left')
})

it('is one line on a terminal, lines now and then elsewhere, and nothing when it has to be silent', () => {
  let nowMs = 0
  const shown = (sink: Sink, isSilent: boolean): string => {
    nowMs = 0
    const line = new ProgressLine(sink, isSilent, () => nowMs)
    for (; nowMs < 60_000; nowMs += 50) line.show(() => `at ${nowMs}`)
    line.clear()
    return sink.text
  }
  const terminal = shown(new Sink(true), false)
  expect(terminal.startsWith('walr: at 0\r\u001b[Kwalr: at 200\r')).toBe(true)
  expect(terminal).not.toContain('\n')
  expect(terminal.endsWith('\r\u001b[K')).toBe(true)
  expect(shown(new Sink(false), false)).toBe('walr: at 30000\n')
  expect(shown(new Sink(true), true)).toBe('')
})
