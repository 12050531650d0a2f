import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findService, parseServiceFile } from './service-file.ts'

const FILE = '/etc/pg_service.conf'
const parse = (text: string, service = 'main'): unknown => {
  const settings = parseServiceFile(text, service, FILE)
  return settings && Object.fromEntries(settings)
}

describe('a service file', () => {
  it('gives the section that is asked for, and nothing of the others', () => {
    const text = '# comment\n[other]\nhost=a\n\n  [main]  \n host=b\nport=5433\n[third]\nhost=c\n'
    expect(parse(text)).toEqual({ host: 'b', port: '5433' })
    expect(parse(text, 'nobody')).toBeUndefined()
  })

  it('takes the first of two values, and keeps blanks around "="', () => {
    expect(parse('[main]\nhost=a\nhost=b\noptions= -c x=1\n')).toEqual({ host: 'a', options: ' -c x=1' })
  })

  it.each([
    ['[main]\nhost\n', 'syntax error in service file "/etc/pg_service.conf", line 2'],
    ['[main]\n\nfoo=1\n', 'syntax error in service file "/etc/pg_service.conf", line 3'],
    [
      '[main]\nservice=x\n',
      'nested service specifications not supported in service file "/etc/pg_service.conf", line 2',
    ],
    ['[main]\nrequiressl=1\n', 'syntax error in service file "/etc/pg_service.conf", line 2'],
  ])('%j is refused with file and line', (text, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'WALR_CONNECTION_SETTING', message }))
  })

  it('does not mind what other sections say', () => {
    expect(parse('[other]\nwhatever\n[main]\nhost=a\n[more]\nrubbish\n')).toEqual({ host: 'a' })
  })
})

describe('looking for a service', () => {
  let folder = ''
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'walr-service-'))))
  afterEach(() => rmSync(folder, { recursive: true }))

  it('looks into the user’s file first, then into the system’s', async () => {
    writeFileSync(join(folder, 'pg_service.conf'), '[main]\nhost=system\n[deep]\nhost=deep\n')
    writeFileSync(join(folder, '.pg_service.conf'), '[main]\nhost=home\n')
    writeFileSync(join(folder, 'mine'), '[main]\nhost=mine\n')
    const environment = { HOME: folder, PGSYSCONFDIR: folder }
    const hostOf = async (service: string, more: NodeJS.ProcessEnv = {}): Promise<unknown> =>
      (await findService(service, { ...environment, ...more })).settings.get('host')
    expect(await hostOf('main')).toBe('home')
    expect(await hostOf('deep')).toBe('deep')
    expect(await hostOf('main', { PGSERVICEFILE: join(folder, 'mine') })).toBe('mine')
    expect(await hostOf('deep', { PGSERVICEFILE: join(folder, 'mine') })).toBe('deep')
  })

  it.each(['', 'absent'])('must have the file that PGSERVICEFILE names: %j', async (name) => {
    writeFileSync(join(folder, 'pg_service.conf'), '[main]\nhost=system\n')
    const file = name === '' ? '' : join(folder, name)
    await expect(findService('main', { PGSYSCONFDIR: folder, PGSERVICEFILE: file })).rejects.toMatchObject({
      code: 'WALR_CONNECTION_SETTING',
      message: `service file "${file}" not found`,
    })
  })

  it('says that there is no such service', async () => {
    await expect(findService('nobody', { HOME: folder, PGSYSCONFDIR: folder })).rejects.toMatchObject({
      code: 'WALR_CONNECTION_SETTING',
      message: 'definition of service "nobody" not found',
    })
  })
})
