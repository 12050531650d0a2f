import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isWalrError } from '../errors/walr-error.ts'
import { receiveDirectory, type ReceiveDirectorySetting } from './receive-directory-setting.ts'

let root: string
let configPath: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-setting-'))
  configPath = join(root, 'walr.yaml')
  writeFileSync(configPath, 'receive:\n  directory: from-file\n')
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

const directoryOf = (setting: Partial<ReceiveDirectorySetting>): Promise<string> =>
  receiveDirectory({
    directory: undefined,
    configPath: undefined,
    environment: {},
    workingDirectory: '/data',
    ...setting,
  })

describe('the receive directory', () => {
  it('is that of -D before the environment, and of the environment before the file', async () => {
    const environment = { WALR_RECEIVE_DIRECTORY: '/from-environment', WALR_CONFIG: configPath }
    expect(await directoryOf({ directory: '/from-option', configPath, environment })).toBe('/from-option')
    expect(await directoryOf({ configPath, environment })).toBe('/from-environment')
    expect(await directoryOf({ configPath })).toBe(join(root, 'from-file'))
    expect(await directoryOf({ environment: { WALR_CONFIG: configPath } })).toBe(join(root, 'from-file'))
  })

  it('is relative to the working directory, and in a file to the file', async () => {
    expect(await directoryOf({ directory: '../wal' })).toBe('/wal')
    expect(await directoryOf({ configPath })).toBe(join(root, 'from-file'))
  })

  it('does not need a configuration that is wrong when -D is given', async () => {
    expect(await directoryOf({ directory: '/wal', configPath: '/does/not/exist' })).toBe('/wal')
  })

  it.each([
    ['nobody names one', {}, 'WALR_USAGE'],
    ['it is empty', { directory: '' }, 'WALR_USAGE'],
    ['the environment is empty', { environment: { WALR_RECEIVE_DIRECTORY: '', WALR_CONFIG: '' } }, 'WALR_USAGE'],
    ['the file is missing', { configPath: '/does/not/exist.yaml' }, 'WALR_CONFIG'],
  ] as const)('is refused when %s', async (_what, setting, code) => {
    const refused = expect.toSatisfy((error: unknown) => isWalrError(error, code)) as Error
    await expect(directoryOf(setting)).rejects.toThrow(refused)
  })

  it('is refused when the file does not name it', async () => {
    writeFileSync(configPath, 'receive: {}\n')
    await expect(directoryOf({ configPath })).rejects.toThrow('names no receive directory')
  })
})
