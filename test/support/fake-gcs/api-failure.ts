/** An answer that is a refusal, in the form of the API. */
export class ApiFailure extends Error {
  readonly status: number
  readonly reason: string
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, reason: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.reason = reason
    this.headers = headers
  }

  /** The JSON document. */
  document(): string {
    const { message, reason, status: code } = this
    return JSON.stringify({ error: { code, message, errors: [{ message, domain: 'global', reason }] } })
  }
}

/** A request that no client of the documented API makes: it fails the test. */
export class Misuse extends ApiFailure {
  constructor(message: string) {
    super(400, 'invalid', `the fake does not know this: ${message}`)
  }
}
