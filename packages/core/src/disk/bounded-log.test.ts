import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { boundedLog } from './bounded-log.ts'

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'walr-log-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('keeps the newest lines, each with its time, in two files of the given size', () => {
  const log = boundedLog(join(folder, 'log'), 1000)
  for (let number = 1; number <= 500; number++) log.write(`line ${number}\n`)
  expect(readdirSync(folder).toSorted()).toEqual(['log', 'log.old'])
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).size).toBeLessThan(1100)
  expect(readFileSync(join(folder, 'log'), 'utf8')).toMatch(
    /^\d{4}-\d\d-\d\dT[\d:.]+Z line \d+\n(?:.*\n)*.* line 500\n$/,
  )
  expect(statSync(join(folder, 'log')).mode & 0o777).toBe(0o600)
})

it('goes on when it cannot write', () => {
  const log = boundedLog(join(folder, 'missing', 'log'))
  log.write('line\n')
  expect(log.errored).toBeNull()
})
