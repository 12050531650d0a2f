/** What the kit needs of a test runner; {@link vitestRunner} and {@link nodeTestRunner} make one of the two usual ones. */
export interface TestRunner {
  describe(name: string, body: () => void): void
  /** Registers a test. It failed when `body` rejects, or has not settled after `timeoutMs`. */
  it(name: string, body: () => Promise<void>, timeoutMs: number): void
  /** Runs `body` once, after all tests of the `describe` that it is called in. */
  after(body: () => void): void
}

/** The exports of `vitest` that {@link vitestRunner} needs. */
export interface VitestExports {
  describe(name: string, body: () => void): unknown
  it(name: string, body: () => Promise<void>, timeoutMs: number): unknown
  afterAll(body: () => void): unknown
}

/** The exports of `node:test` that {@link nodeTestRunner} needs. */
export interface NodeTestExports {
  describe(name: string, body: () => void): unknown
  it(name: string, options: { readonly timeout: number }, body: () => Promise<void>): unknown
  after(body: () => void): unknown
}

/** @param vitest as in `vitestRunner({ describe, it, afterAll })` with the three imported from `vitest`. */
export function vitestRunner(vitest: VitestExports): TestRunner {
  return {
    describe: (name, body) => void vitest.describe(name, body),
    it: (name, body, timeoutMs) => void vitest.it(name, body, timeoutMs),
    after: (body) => void vitest.afterAll(body),
  }
}

/** @param nodeTest as in `nodeTestRunner({ describe, it, after })` with the three imported from `node:test`. */
export function nodeTestRunner(nodeTest: NodeTestExports): TestRunner {
  return {
    describe: (name, body) => void nodeTest.describe(name, body),
    it: (name, body, timeoutMs) => void nodeTest.it(name, { timeout: timeoutMs }, body),
    after: (body) => void nodeTest.after(body),
  }
}
