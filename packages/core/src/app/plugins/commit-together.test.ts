import { expect, it } from 'vitest'
import type { FileReplacement } from '../../plugins/installer/file-replacement.ts'
import type { Publication } from '../../plugins/installer/plugin-store.ts'
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
const config = (commit: () => Promise<void>): FileReplacement => ({
  commit,
  [Symbol.asyncDispose]: () => Promise.resolve(),
})
const warnings: string[] = []
const ignore = (): void => undefined
const logger: Logger = {
  error: (message) => void warnings.push(message),
  ...{ notice: ignore, info: ignore, debug: ignore },
  warning: (message) => void warnings.push(message),
}
const taken = (): readonly string[] => happened.splice(0)

it('the configuration comes last, and nothing is removed before it', async () => {
  await commitTogether(
    [step('a'), step('b')],
    config(() => note('config')),
    logger,
  )
  expect(taken()).toEqual(['publish a', 'publish b', 'config', 'settle a', 'settle b'])
})

it('what was published is taken back when the configuration cannot be replaced', async () => {
  const failing = config(() => Promise.reject(new Error('read-only')))
  await expect(commitTogether([step('a'), step('b')], failing, logger)).rejects.toThrow('read-only')
  expect(taken()).toEqual(['publish a', 'publish b', 'take back b', 'take back a'])
})

it('what was published is taken back when the next one cannot be', async () => {
  const failing = (): Promise<Publication> => Promise.reject(new Error('no room'))
  await expect(
    commitTogether(
      [step('a'), failing],
      config(() => note('config')),
      logger,
    ),
  ).rejects.toThrow('no room')
  expect(taken()).toEqual(['publish a', 'take back a'])
})

it('the first error is the one that counts, also when something cannot be taken back', async () => {
  const stuck = (): Promise<Publication> =>
    Promise.resolve({ takeBack: () => Promise.reject(new Error('stuck')), settle: () => note('settle') })
  const failing = config(() => Promise.reject(new Error('read-only')))
  await expect(commitTogether([step('a'), stuck], failing, logger)).rejects.toThrow('read-only')
  expect(taken()).toEqual(['publish a', 'take back a'])
  expect(warnings.splice(0)).toEqual(['what was published could not be taken back: stuck'])
})

it('what cannot be cleaned up afterwards is a warning', async () => {
  const untidy = (): Promise<Publication> =>
    Promise.resolve({ takeBack: () => note('take back'), settle: () => Promise.reject(new Error('busy')) })
  await commitTogether([untidy, step('b')], undefined, logger)
  expect(taken()).toEqual(['publish b', 'settle b'])
  expect(warnings.splice(0)).toEqual(['could not remove what is not needed any more: busy'])
})
