import { randomUUID } from 'node:crypto'
import type { PutConfirmation } from '@walr/core/plugin'
import type { Part } from '@walr/plugin-kit/storage'
import type { GcsAccess } from './access.ts'
import { confirmPut } from './confirmation.ts'
import { uploadCall, uploadMetadata, type UploadOptions } from './upload-target.ts'

/** Stores an object with one request, which the server carries out as a whole or not at all. */
export async function putSingle(
  access: GcsAccess,
  key: string,
  { bytes, digests: crc32c }: Part<Buffer>,
  options: UploadOptions,
): Promise<PutConfirmation> {
  const boundary = `walr-${randomUUID()}`
  const call = uploadCall(access, 'multipart', options)
  const answer = await access.client.json({
    ...call,
    headers: { ...call.headers, 'content-type': `multipart/related; boundary=${boundary}` },
    body: [
      Buffer.from(`--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n`),
      uploadMetadata(access, key, crc32c),
      Buffer.from(`\r\n--${boundary}\r\ncontent-type: application/octet-stream\r\n\r\n`),
      bytes,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ],
  })
  return confirmPut(access, key, { sent: { size: bytes.length, crc32c }, answer, signal: options.signal })
}
