import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../config/load-config.ts'
import { settingsTable, shownSettings, type SecretOptions, type ShownSetting } from './config-show.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-show-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

const unknownPlugin: SecretOptions = () => Promise.resolve(undefined)

async function show(
  content: string,
  secretOptions = unknownPlugin,
  environment: Record<string, string> = {},
): Promise<readonly ShownSetting[]> {
  const path = join(root, 'walr.yaml')
  writeFileSync(path, content)
  writeFileSync(join(root, 'key'), 'geheim')
  const loaded = await loadConfig({ path, environment, workingDirectory: root, search: false })
  return shownSettings(loaded, secretOptions)
}

const s3 = `
plugins: [s3]
archive:
  storage: { use: s3, bucket: b, accessKeyId: geheim, port: 22, sse: { key: geheim, mode: on }, tags: [a, b] }
  codecs: [zstd]
`

describe('the values shown of a configuration', () => {
  it('are those of every key, with their sources', async () => {
    const rows = await show('cluster: x\nreceive: { keep: 1 }'.replace('keep: 1', 'slot: s'), unknownPlugin, {
      WALR_RECEIVE_STATUS_INTERVAL: '90',
    })
    expect(rows.map(({ key, value, source }) => [key, value, source])).toEqual([
      ['cluster', 'x', 'file'],
      ['connection', null, null],
      ['plugins', null, null],
      ['receive.directory', null, null],
      ['receive.slot', 's', 'file'],
      ['receive.createSlot', false, 'default'],
      ['receive.guardSlot', null, null],
      ['receive.statusInterval', '90s', 'environment variable WALR_RECEIVE_STATUS_INTERVAL'],
      ['receive.flush', 'batch', 'default'],
      ['receive.compress', null, null],
      ['archive', null, null],
      ['http', null, null],
    ])
  })

  it.each<[string, Record<string, string>]>([
    ['http: { token: geheim-geheim-geheim }', {}],
    ['http: {}', { WALR_HTTP_TOKEN: 'geheim-geheim-geheim' }],
    ['http: { listen: "${LISTEN:-0.0.0.0:1}", token: "${file:key}geheim-geheim" }', {}],
  ])('have no token for HTTP: %s', async (content, environment) => {
    const rows = await show(content, unknownPlugin, environment)
    expect(rows).toContainEqual(expect.objectContaining({ key: 'http.token', value: '********', secret: true }))
    expect(rows).toContainEqual(expect.objectContaining({ key: 'http.maxDownloads', value: 64, source: 'default' }))
    expect(JSON.stringify(rows)).not.toContain('geheim')
  })

  it.each([
    'connection: "host=db password=geheim sslpassword=geheim scram_client_key=geheim"',
    'connection: "postgresql://walr:geheim@db/?sslpassword=geheim"',
    'connection: { host: db, password: geheim, oauth_client_secret: geheim }',
    'connection: { host: db, user: "${file:key}" }',
    'connection: "host=db user=${file:key}"',
    s3,
    s3.replace('bucket: b', 'bucket: "${file:key}"'),
    s3.replace('bucket: b', 'endpoint: "https://x:geheim@y"'),
  ])('have no secret: %j', async (content) => {
    const rows = await show(content)
    expect(JSON.stringify(rows)).not.toContain('geheim')
    expect(JSON.stringify(rows)).toContain('********')
  })

  it('of a connection are those of its keywords', async () => {
    const rows = await show('connection: "host=db password=geheim"')
    expect(rows.filter(({ key }) => key.startsWith('connection'))).toEqual([
      { key: 'connection.host', value: 'db', source: 'file', secret: false },
      { key: 'connection.password', value: '********', source: 'file', secret: true },
    ])
  })

  it('of options are hidden as the plugin says', async () => {
    const rows = await show(s3, () => Promise.resolve(new Set(['sse.key', 'accessKeyId', 'port', 'tags'])))
    const shown = Object.fromEntries(rows.map(({ key, value }) => [key, value]))
    expect(shown).toMatchObject({
      'archive.storage.use': 's3',
      'archive.storage.bucket': 'b',
      'archive.storage.accessKeyId': '********',
      'archive.storage.port': '********',
      'archive.storage.sse.key': '********',
      'archive.storage.sse.mode': 'on',
      'archive.storage.tags[1]': '********',
      'archive.codecs[0].use': 'zstd',
    })
  })

  it('of options of a plugin that cannot be asked are hidden when they are text and not known to be harmless', async () => {
    const rows = await show(s3)
    const shown = Object.fromEntries(rows.map(({ key, value }) => [key, value]))
    expect(shown).toMatchObject({
      'archive.storage.bucket': 'b',
      'archive.storage.port': 22,
      'archive.storage.sse.mode': '********',
      'archive.storage.tags[0]': '********',
    })
  })

  it('stand in columns', async () => {
    const [head, ...lines] = settingsTable(await show('receive: { directory: "/a b " }')).split('\n')
    expect(head).toMatch(/^KEY +VALUE +SOURCE$/)
    const column = head?.indexOf('VALUE') ?? -1
    expect(lines.every((line) => line.charAt(column - 1) === ' ' && line.charAt(column) !== ' ')).toBe(true)
    expect(lines.find((line) => line.startsWith('receive.directory'))).toContain('"/a b "')
  })
})
