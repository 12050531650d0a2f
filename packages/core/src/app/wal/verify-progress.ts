import { bytesText, secondsText } from './byte-text.ts'
import type { ProgressLine } from './progress-line.ts'
import type { VerifyMeter } from './verify-contents.ts'

export interface VerifyProgressOptions {
  /** All that there is to be verified. */
  readonly plainBytes: number
  readonly walSegmentSize: number
  readonly meter: VerifyMeter
}

/** How far a verification is, how fast, and how long it will take. */
export class VerifyProgress {
  readonly #line: ProgressLine
  readonly #options: VerifyProgressOptions
  readonly #nowMs: () => number
  readonly #begunMs: number

  constructor(line: ProgressLine, options: VerifyProgressOptions, nowMs: () => number = () => performance.now()) {
    this.#line = line
    this.#options = options
    this.#nowMs = nowMs
    this.#begunMs = nowMs()
  }

  show(): void {
    this.#line.show(() => this.text)
  }

  /** `1.2 GB of 4 GB (30%), 310 MB/s, 9 s left` */
  get text(): string {
    const { plainBytes, walSegmentSize, meter } = this.#options
    const seconds = (this.#nowMs() - this.#begunMs) / 1000
    const done = (meter.segments + meter.skippedSegments) * walSegmentSize
    const rate = seconds > 0 ? (meter.segments * walSegmentSize) / seconds : 0
    const part = plainBytes > 0 ? Math.min(100, Math.floor((100 * done) / plainBytes)) : 100
    const left = rate > 0 ? `, ${secondsText(Math.max(0, plainBytes - done) / rate)} left` : ''
    return `verified ${bytesText(done)} of ${bytesText(plainBytes)} (${part}%), ${bytesText(rate)}/s${left}`
  }
}
