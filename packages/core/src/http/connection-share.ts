/** Who may connect, so that one host alone cannot keep all others out. */
export class ConnectionShare {
  readonly #maximum: number
  readonly #taken = new Map<string, number>()
  #total = 0

  constructor(maximum: number) {
    this.#maximum = maximum
  }

  /** Whether connections without a request for WAL should end with their answer. */
  get isCrowded(): boolean {
    return this.#total > this.#maximum / 2
  }

  /**
   * Counts a connection. An address may have a quarter of all, and more than that only while half of all are free: what
   * stands before many clients has one address as well. This machine's own and those of Unix sockets have no limit.
   * @param address of the client; undefined for a Unix socket.
   * @returns to be called when it is closed; undefined when it is one too many.
   */
  take(address: string | undefined): (() => void) | undefined {
    const key = address ?? ''
    const own = this.#taken.get(key) ?? 0
    if (!isOwn(key) && this.#total + 1 > this.#maximum / 2 && own + 1 > this.#maximum / 4) return undefined
    this.#taken.set(key, own + 1)
    this.#total += 1
    let given = false
    return () => {
      if (!given) this.#give(key)
      given = true
    }
  }

  #give(key: string): void {
    this.#total -= 1
    const left = (this.#taken.get(key) ?? 1) - 1
    if (left > 0) this.#taken.set(key, left)
    else this.#taken.delete(key)
  }
}

function isOwn(address: string): boolean {
  return address === '' || address === '::1' || /^(?:::ffff:)?127\./.test(address)
}
