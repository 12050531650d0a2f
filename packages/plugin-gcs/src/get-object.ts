import { Readable } from 'node:stream'
import { StorageError, type GetOptions } from '@walr/core/plugin'
import { BodyReader, VerifiedBody } from '@walr/plugin-kit/storage'
import { customerKey, objectPath, type GcsAccess } from './access.ts'
import { Crc32c } from './crc32c.ts'
import { gcsStorageError } from './error-map.ts'
import { headObject, isAbsence, tellAbsent } from './head-object.ts'
import { readText, type HttpAnswer } from './http-exchange.ts'

const RANGE_BEHIND_END = 416

/** Opens an object or a range of it. The signal of the options also ends the reading. */
export async function getObject(
  access: GcsAccess,
  key: string,
  { offset = 0, length = Infinity, signal }: GetOptions,
): Promise<AsyncIterable<Uint8Array>> {
  if (length <= 0) {
    await headObject(access, key, signal) // a range of no bytes cannot be asked for
    return Readable.from([])
  }
  const isWhole = offset === 0 && length === Infinity
  const headers = {
    // otherwise the server would unpack an object that somebody stored as gzip
    'accept-encoding': 'gzip',
    ...customerKey(access.options),
    ...(isWhole ? {} : { range: `bytes=${offset}-${length === Infinity ? '' : offset + length - 1}` }),
  }
  const answer = await request(access, key, headers, signal)
  if (answer.status === RANGE_BEHIND_END && !isWhole) {
    await readText(answer)
    return Readable.from([])
  }
  const size = announcedSize(answer, isWhole)
  const reader = new BodyReader(answer.body, { key, size, signal, toStorageError: gcsStorageError })
  const { 'content-range': contentRange } = answer.headers
  const isAsked = isWhole ? answer.status === 200 : contentRange?.startsWith(`bytes ${offset}-`) === true
  if (!isAsked || size === undefined) {
    await reader.return()
    const sent = `status ${answer.status}, ${contentRange ?? 'no range'}, ${size ?? 'no'} bytes`
    throw new StorageError('Permanent', `the server sent other bytes than were asked for: ${sent}`)
  }
  const checksum = isWhole ? storedChecksum(answer) : undefined
  return checksum === undefined ? reader : verified(reader, key, checksum)
}

/** @param expected the CRC32C that the server keeps; base64. */
function verified(reader: BodyReader, key: string, expected: string): VerifiedBody<Buffer> {
  return new VerifiedBody(reader, new Crc32c(), (digest) => {
    const computed = digest.toString('base64')
    if (computed === expected) return
    throw new StorageError(
      'Transient',
      `what was read of "${key}" has the CRC32C ${computed}, but the server keeps ${expected}: it was altered on the way, ` +
        'or the object is damaged if another reading says the same',
    )
  })
}

async function request(
  access: GcsAccess,
  key: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const call = { method: 'GET', target: objectPath(access, key), query: { alt: 'media' }, headers, signal }
  try {
    return await access.client.request({ ...call, accepted: [200, 206, RANGE_BEHIND_END] })
  } catch (error) {
    if (isAbsence(error)) return await tellAbsent(access, key, signal)
    throw error
  }
}

/** A proxy in between may leave out the length of the body; then the server's own words tell it. */
function announcedSize({ headers }: HttpAnswer, isWhole: boolean): number | undefined {
  const length = headers['content-length'] ?? (isWhole ? headers['x-goog-stored-content-length'] : undefined)
  if (typeof length === 'string' && /^\d+$/.test(length)) return Number(length)
  const [, first, last] = /^bytes (\d+)-(\d+)\//.exec(headers['content-range'] ?? '') ?? []
  return first === undefined || last === undefined ? undefined : Number(last) - Number(first) + 1
}

/** In `crc32c=AAAAAA==,md5=...`; base64. */
function storedChecksum({ headers }: HttpAnswer): string | undefined {
  const header = [headers['x-goog-hash'] ?? []].flat().join(',')
  return /(?:^|,)\s*crc32c=([A-Za-z0-9+/]{6}==)/.exec(header)?.[1]
}
