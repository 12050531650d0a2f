import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startFakeGcs, type FakeGcs } from './fake-gcs.ts'

let server: FakeGcs
let bucket: string
beforeAll(async () => {
  server = await startFakeGcs()
  bucket = await server.createBucket()
})
afterAll(() => server.stop())

const objects = (): string => `${server.endpoint}/storage/v1/b/${bucket}/o`
const uploads = (query: string): string => `${server.endpoint}/upload/storage/v1/b/${bucket}/o?${query}`

async function upload(name: string, body: string, query = ''): Promise<Response> {
  return fetch(uploads(`uploadType=media&name=${name}${query}`), { method: 'POST', body })
}

async function begin(name: string): Promise<string> {
  const answer = await fetch(uploads('uploadType=resumable&ifGenerationMatch=0'), {
    method: 'POST',
    body: JSON.stringify({ name }),
  })
  return answer.headers.get('location') ?? ''
}

describe('the fake', () => {
  it('keeps an object once, with ifGenerationMatch=0, and tells its checksum', async () => {
    const first = await upload('once', '123456789', '&ifGenerationMatch=0')
    expect(await first.json()).toMatchObject({ name: 'once', size: '9', crc32c: '4waSgw==' })
    const second = await upload('once', 'other', '&ifGenerationMatch=0')
    expect(second.status).toBe(412)
    expect(await second.json()).toMatchObject({ error: { code: 412, errors: [{ reason: 'conditionNotMet' }] } })
    const read = await fetch(`${objects()}/once?alt=media`, { headers: { range: 'bytes=3-4' } })
    expect([read.status, read.headers.get('content-range'), await read.text()]).toEqual([206, 'bytes 3-4/9', '45'])
  })

  it('refuses bytes that do not have the checksum they came with', async () => {
    const session = await begin('altered')
    const headers = { 'content-range': 'bytes 0-4/5', 'x-goog-hash': 'crc32c=AAAAAA==' }
    const answer = await fetch(session, { method: 'PUT', headers, body: 'bytes' })
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain("doesn't match calculated CRC32C")
    expect((await fetch(`${objects()}/altered`)).status).toBe(404)
  })

  it('takes an upload in chunks, tells how far it is, and shows nothing before its end', async () => {
    const session = await begin('chunks')
    const chunk = 'x'.repeat(256 * 1024)
    const send = (range: string, body: string) =>
      fetch(session, { method: 'PUT', headers: { 'content-range': range }, body, redirect: 'manual' })
    expect((await send('bytes 0-99/*', chunk.slice(0, 100))).status).toBe(400)
    const first = await send('bytes 0-262143/*', chunk)
    expect([first.status, first.headers.get('range')]).toEqual([308, 'bytes=0-262143'])
    expect((await send('bytes */*', '')).headers.get('range')).toBe('bytes=0-262143')
    expect((await fetch(`${objects()}/chunks`)).status).toBe(404)
    expect((await send('bytes 262144-262145/262146', 'yz')).status).toBe(200)
    expect((await send('bytes */*', '')).status).toBe(200)
    expect(await (await fetch(`${objects()}/chunks`)).json()).toMatchObject({ size: '262146' })
  })

  it('forgets an upload that is cancelled', async () => {
    const session = await begin('cancelled')
    expect((await fetch(session, { method: 'DELETE' })).status).toBe(499)
    expect((await fetch(session, { method: 'PUT', headers: { 'content-range': 'bytes */*' } })).status).toBe(404)
  })

  it('lists by the bytes of UTF-8, in pages, from startOffset on, which belongs to it', async () => {
    for (const name of ['list/\u{1F600}', 'list/\uFF5E', 'list/b', 'list/a'])
      await upload(encodeURIComponent(name), '1')
    const query = `?prefix=list/&startOffset=${encodeURIComponent('list/b')}&maxResults=2&fields=kind,nextPageToken,items(name)`
    const page = (await (await fetch(objects() + query)).json()) as Record<string, unknown>
    expect(page).toMatchObject({ kind: 'storage#objects', items: [{ name: 'list/b' }, { name: 'list/\uFF5E' }] })
    const next = await fetch(`${objects()}${query}&pageToken=${String(page['nextPageToken'])}`)
    expect(await next.json()).toEqual({ kind: 'storage#objects', items: [{ name: 'list/\u{1F600}' }] })
  })

  it('wants a token that it gave, of an account that may use the bucket', async () => {
    const closed = await server.createBucket({ accounts: ['somebody'] })
    const ask = async (headers: Record<string, string>) =>
      (await fetch(`${server.endpoint}/storage/v1/b/${closed}/o`, { headers })).status
    expect(await ask({})).toBe(401)
    expect(await ask({ authorization: 'Bearer made-up' })).toBe(401)
    const exchange = async (account: string): Promise<string> => {
      const subject_token = await server.command('subjectToken', account)
      const grant_type = 'urn:ietf:params:oauth:grant-type:token-exchange'
      const scope = 'https://www.googleapis.com/auth/cloud-platform'
      const form = new URLSearchParams({ grant_type, audience: 'pool', subject_token, scope })
      const answer = await fetch(`${server.tokenOrigin}/v1/token`, { method: 'POST', body: form })
      return ((await answer.json()) as { access_token: string }).access_token
    }
    expect(await ask({ authorization: `Bearer ${await exchange('stranger')}` })).toBe(403)
    expect(await ask({ authorization: `Bearer ${await exchange('somebody')}` })).toBe(200)
  })

  it.each([
    ['a parameter', '/storage/v1/b/BUCKET/o?projection=full', 'GET'],
    ['a path', '/storage/v2/b/BUCKET/o', 'GET'],
    ['a method', '/storage/v1/b/BUCKET/o/name', 'PATCH'],
  ])('fails the test when it is asked for %s that it does not know', async (_what, path, method) => {
    const strict = await startFakeGcs()
    const name = await strict.createBucket()
    expect((await fetch(strict.endpoint + path.replace('BUCKET', name), { method })).status).toBe(400)
    await expect(strict.stop()).rejects.toThrow('does not know')
  })
})
