import { expect, it } from 'vitest'
import type { Publication } from '../../plugins/installer/publication.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { commitTogether } from './commit-together.ts'

const happened: string[] = []
const note = (what: string): Promise<void> => {
  happened.push(what)
  return Promise.resolve()
}
const step = (name: string) => (): Promise<Publication> => {
  happened.push(`publish ${name}`)
  return Promise.resolve({ takeBack: () => note(`take back ${name}`), settle: () => note(`settle ${name}`) })
}
const failing = (message: string) => (): Promise<Publication> => Promise.reject(new Error(message))
const warnings: string[] = []
const ignore = (): void => undefined
const logger: Logger = {
  error: (message) => void warnings.push(message),
  ...{ notice: ignore, info: ignore, debug: ignore },
  warning: (message) => void warnings.push(message),
}
const taken = (): readonly string[] => happened.splice(0)

it('steps are done in their order, and nothing is removed before the last', async () => {
  await commitTogether([step('a'), step('b')], logger)
  expect(taken()).toEqual(['publish a', 'publish b', 'settle a', 'settle b'])
})

it('what was done is taken back, the last first, when the next step fails', async () => {
  await expect(commitTogether([step('a'), step('b'), failing('no room'), step('c')], logger)).rejects.toThrow('no room')
  expect(taken()).toEqual(['publish a', 'publish b', 'take back b', 'take back a'])
})

it('the first error is the one that counts, also when something cannot be taken back', async () => {
  const stuck = (): Promise<Publication> =>
    Promise.resolve({ takeBack: () => Promise.reject(new Error('stuck')), settle: () => note('settle') })
  await expect(commitTogether([step('a'), stuck, failing('read-only')], logger)).rejects.toThrow('read-only')
  expect(taken()).toEqual(['publish a', 'take back a'])
  expect(warnings.splice(0)).toEqual(['what was published could not be taken back: stuck'])
})

it('what cannot be cleaned up afterwards is a warning', async () => {
  const untidy = (): Promise<Publication> =>
    Promise.resolve({ takeBack: () => note('take back'), settle: () => Promise.reject(new Error('busy')) })
  await commitTogether([untidy, step('b')], logger)
  expect(taken()).toEqual(['publish b', 'settle b'])
  expect(warnings.splice(0)).toEqual(['could not remove what is not needed any more: busy'])
})
