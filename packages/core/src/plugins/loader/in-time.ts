import type { CallClock } from './call-clock.ts'

/** Settles as `work` does, or resolves to undefined when that takes longer than `limitMs`. */
export function inTime<T>(work: Promise<T>, limitMs: number, clock: CallClock): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimer(() => {
      resolve(undefined)
    }, limitMs)
    work.finally(cancel).then(resolve, reject)
  })
}
