import { expect, it } from 'vitest'
import { prefetchArguments, type PrefetchArguments } from './prefetch-arguments.ts'

const names = { fileName: '000000010000000000000001', targetPath: 'pg_wal/RECOVERYXLOG' }
const argv = ['--config', '/c', names.fileName, names.targetPath]
const made = (environment: Readonly<Record<string, string | undefined>>): PrefetchArguments =>
  prefetchArguments(argv, names, environment)

it('are others when any variable of walr is another one', () => {
  const identities = [
    {},
    { WALR_ARCHIVE_STORAGE_PATH: '/a' },
    { WALR_ARCHIVE_STORAGE_PATH: '/b' },
    { WALR_ARCHIVE_STORAGE_PATH: '' },
    { WALR_PASSPHRASE: '/a' },
    { WALR_CONFIG: '/a' },
    { WALR_CONFIG: '/a', WALR_ARCHIVE_STORAGE_PATH: '/a' },
  ].map((environment) => made(environment).identity)
  expect(new Set(identities).size).toBe(identities.length)
})

it('are the same whatever else is in the environment, and in whatever order', () => {
  const { identity } = made({ WALR_A: '1', WALR_B: '2' })
  const more = { WALR_NODE: '/n', WALR_RESTORE_DELIVERED_STATUS: '78', WALR_RESTORE_ABSENT_STATUS: '79', PATH: '/bin' }
  expect(made({ ...more, WALR_B: '2', WALR_C: undefined, WALR_A: '1' }).identity).toBe(identity)
  expect(made(more)).toEqual(made({}))
})

it('do not give away what the variables hold', () => {
  expect(JSON.stringify(made({ WALR_PASSPHRASE: 'correct horse' }))).not.toContain('correct horse')
})

it('have no line for bin/walr when a variable is set that it does not compare', () => {
  expect(made({ WALR_CONFIG: '/x' }).line).toBe('|/x|||--config|/c')
  expect(made({ WALR_ARCHIVE_STORAGE_PATH: '' }).line).toBeUndefined()
})
