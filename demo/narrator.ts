const startedAt = performance.now()

/** Says what happens, in one short line with the seconds since the start. */
export function say(text: string): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(`${seconds.padStart(5)} s  ${text}`)
}

/** `1,234,567`. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}
