import type { TestRunner } from './test-runner.ts'

/** A test that a {@link CollectingRunner} was given. */
export interface CollectedTest {
  readonly name: string
  readonly timeoutMs: number
  readonly body: () => Promise<void>
}

/** A runner that keeps what is registered, and runs it when told to, in this process. */
export class CollectingRunner implements TestRunner {
  readonly tests: CollectedTest[] = []
  readonly #afterwards: (() => void)[] = []

  describe(_name: string, body: () => void): void {
    body()
  }

  it(name: string, body: () => Promise<void>, timeoutMs: number): void {
    this.tests.push({ name, body, timeoutMs })
  }

  after(body: () => void): void {
    this.#afterwards.push(body)
  }

  /** Runs all tests whose names `select` takes. @returns what failed: the first word of the name, and the error. */
  async run(select: (id: string) => boolean = () => true): Promise<ReadonlyMap<string, unknown>> {
    const failed = new Map<string, unknown>()
    for (const { name, body } of this.tests) {
      const id = name.split(' ', 1)[0] ?? name
      if (!select(id)) continue
      try {
        await body()
      } catch (error) {
        failed.set(id, error)
      }
    }
    for (const body of this.#afterwards) body()
    return failed
  }
}
