import { describe, expect, it } from 'vitest'
import { CollectingRunner } from './collecting-runner.fixture.ts'
import type { ConformanceCase, ConformanceOptions } from './conformance-case.ts'
import { registerCases } from './register-cases.ts'

class Bench implements AsyncDisposable {
  closed = false

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve()
    this.closed = true
  }
}

const passing: ConformanceCase<Bench> = { id: 'KIT-01', law: 'passes', run: () => Promise.resolve() }
const failing: ConformanceCase<Bench> = { id: 'KIT-02', law: 'fails', run: () => Promise.reject(new Error('broken')) }
const hanging: ConformanceCase<Bench> = {
  id: 'KIT-03',
  law: 'hangs',
  timeoutMs: 20,
  run: () => Promise.withResolvers<undefined>().promise,
}

function register(cases: readonly ConformanceCase<Bench>[], options: ConformanceOptions = {}) {
  const runner = new CollectingRunner()
  const benches: Bench[] = []
  const makeBench = () => {
    const bench = new Bench()
    benches.push(bench)
    return Promise.resolve(bench)
  }
  registerCases(runner, { title: 'kit', cases, makeBench }, options)
  return { runner, benches }
}

describe('a suite', () => {
  it('gives every case a bench of its own and disposes of it, also of one that fails or hangs', async () => {
    const { runner, benches } = register([passing, failing, hanging])
    const failed = await runner.run()
    expect([...failed.keys()]).toEqual(['KIT-02', 'KIT-03'])
    expect(failed.get('KIT-02')).toEqual(new Error('broken'))
    expect(failed.get('KIT-03')).toEqual(new Error('no end of case KIT-03 after 20 ms'))
    expect(benches.map(({ closed }) => closed)).toEqual([true, true, true])
  })

  it('fails a case whose bench cannot be closed, and tells what the case found rather than that', async () => {
    const runner = new CollectingRunner()
    const bench = { [Symbol.asyncDispose]: () => Promise.reject(new Error('cannot close')) }
    const makeBench = () => Promise.resolve(bench)
    const run = () => Promise.reject(new Error('broken'))
    const cases = [
      { ...passing, run: () => Promise.resolve() },
      { ...failing, run },
    ]
    registerCases(runner, { title: 'kit', cases, makeBench }, {})
    const failed = await runner.run()
    expect(failed.get('KIT-01')).toEqual(new Error('cannot close'))
    expect(failed.get('KIT-02')).toEqual(new Error('broken'))
  })

  it('gives cases more time when asked to, and never less', () => {
    const { runner } = register([hanging, { ...passing, timeoutMs: 90_000 }], { timeoutMs: 50_000 })
    const [slow, slower] = runner.tests.map(({ timeoutMs }) => timeoutMs)
    expect(slower).toBeGreaterThan(90_000)
    expect(slow).toBeGreaterThan(50_000)
  })
})

describe('a deviation', () => {
  it('lets its case fail, and is printed with its reason', async () => {
    const lines: string[] = []
    const { runner } = register([passing, failing], {
      deviations: [{ caseId: 'KIT-02', reason: 'there is no such thing' }],
      report: (line) => lines.push(line),
    })
    expect(await runner.run()).toEqual(new Map())
    expect(lines).toEqual(['kit: 1 deviation', '  KIT-02 there is no such thing'])
  })

  it('fails the run once its case passes', async () => {
    const { runner } = register([passing], {
      deviations: [{ caseId: 'KIT-01', reason: 'it was so once' }],
      report: () => undefined,
    })
    const failed = await runner.run()
    expect(failed.get('KIT-01')).toEqual(new Error('KIT-01 passes: remove its deviation ("it was so once")'))
  })

  it.each([
    { deviations: [{ caseId: 'KIT-99', reason: 'why' }], message: /"KIT-99" names no case of "kit"/ },
    { deviations: [{ caseId: 'KIT-01', reason: ' ' }], message: /"KIT-01" has no reason/ },
    {
      deviations: [
        { caseId: 'KIT-01', reason: 'a' },
        { caseId: 'KIT-01', reason: 'b' },
      ],
      message: /"KIT-01" is declared twice/,
    },
  ])('is refused when it makes no sense: $message', ({ deviations, message }) => {
    expect(() => register([passing], { deviations })).toThrow(message)
  })
})
