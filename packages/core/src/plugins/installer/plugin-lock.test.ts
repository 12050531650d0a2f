import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { withPluginLock } from './plugin-lock.ts'

let data: string
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'walr-plugin-lock-'))
})
afterEach(() => {
  rmSync(data, { recursive: true, force: true })
})
const { signal } = new AbortController()

const quiet = { signal, onStep: () => undefined }

it('the second one waits for the first, and tells so once', async () => {
  const steps: string[] = []
  const happened: string[] = []
  const told = Promise.withResolvers<undefined>()
  const onStep = (step: string): void => {
    steps.push(step)
    told.resolve(undefined)
  }
  let second: Promise<unknown> | undefined
  await withPluginLock(data, quiet, async () => {
    second = withPluginLock(data, { signal, onStep }, () => Promise.resolve(happened.push('second')))
    await Promise.race([told.promise, second])
    happened.push('first')
  })
  await second
  expect(happened).toEqual(['first', 'second'])
  expect(steps).toEqual([expect.stringContaining(`is in use by walr process ${process.pid}`)])
})

it('whoever has waited long enough is told who has it', async () => {
  await withPluginLock(data, quiet, async () => {
    const refused = withPluginLock(data, { ...quiet, patienceMs: 1 }, () => Promise.resolve())
    await expect(refused).rejects.toMatchObject({
      code: 'WALR_DIRECTORY_LOCKED',
      message: expect.stringContaining(`process ${process.pid} on host`) as unknown,
      hint: 'Wait until the other process has ended, and run the command again. Nothing was changed.',
    })
  })
})

it('waiting ends with the reason of the signal', async () => {
  await withPluginLock(data, quiet, async () => {
    const controller = new AbortController()
    const onStep = (): void => {
      controller.abort(new Error('enough'))
    }
    const refused = withPluginLock(data, { signal: controller.signal, onStep }, () => Promise.resolve())
    await expect(refused).rejects.toThrow('enough')
  })
})

it('is given back when the work fails', async () => {
  await expect(withPluginLock(data, quiet, () => Promise.reject(new Error('boom')))).rejects.toThrow('boom')
  expect(await withPluginLock(data, quiet, () => Promise.resolve('done'))).toBe('done')
})
