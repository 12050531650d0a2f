/** Runs `work` while `Date` and `Date.now` tell another time: who asks them decides differently. */
export function withOtherClock<T>(shiftMs: number, work: () => T): T {
  const RealDate = globalThis.Date
  class ShiftedDate extends RealDate {
    constructor(...values: readonly [] | readonly [number | string | Date]) {
      if (values.length === 0) super(RealDate.now() + shiftMs)
      else super(...values)
    }

    static override now(): number {
      return RealDate.now() + shiftMs
    }

    /** Dates that were made before are dates still. */
    static override [Symbol.hasInstance](value: unknown): boolean {
      return value instanceof RealDate
    }
  }
  Object.defineProperty(globalThis, 'Date', { value: ShiftedDate, writable: true, configurable: true })
  try {
    return work()
  } finally {
    Object.defineProperty(globalThis, 'Date', { value: RealDate, writable: true, configurable: true })
  }
}
