/** Requests under way, so many at once as to fill the line, and no more. */
export class RequestWindow {
  readonly #limit: number
  #underWay = 0
  #failure: { readonly error: unknown } | undefined
  #wake: () => void = () => undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Waits until one more may begin. Rejects with the error of the first that has failed. */
  room(): Promise<void> {
    return this.#below(this.#limit)
  }

  /** Waits until none is under way. Rejects with the error of the first that has failed. */
  empty(): Promise<void> {
    return this.#below(1)
  }

  add(request: Promise<unknown>): void {
    this.#underWay += 1
    request.then(this.#onEnd, (error: unknown) => {
      this.#failure ??= { error }
      this.#onEnd()
    })
  }

  readonly #onEnd = (): void => {
    this.#underWay -= 1
    this.#wake()
  }

  async #below(count: number): Promise<void> {
    while (!this.#failure && this.#underWay >= count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#failure) throw this.#failure.error
  }
}
