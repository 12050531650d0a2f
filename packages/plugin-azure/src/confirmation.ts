import { StorageError, type PutConfirmation } from '@walr/core/plugin'
import { repeatTransient } from '@walr/plugin-kit/storage'
import type { AzureAccess } from './access.ts'
import { azureStorageError } from './error-map.ts'
import { requestHead } from './head-object.ts'

/** What was sent. */
export interface Expectation {
  readonly size: number
  /** Of all bytes. */
  readonly md5: Buffer
  /** True where the server computes the MD5 that it reports; false where it repeats what it was told. */
  readonly isChecksumOfServer: boolean
}

/** The part of Azure's answers to Put Blob and HEAD that tells of the bytes it has. */
export interface Report {
  readonly contentMD5?: Uint8Array | undefined
  readonly contentLength?: number | undefined
}

/**
 * Compares what the server says it has with what was sent. When the answer to the upload has no MD5 that the server
 * computed, the object's head is asked for. When anything differs the object is there all the same, under its name: the
 * next put with `ifAbsent` meets it, and core compares the contents.
 * @throws StorageError Transient when anything differs, or the object cannot be found.
 */
export async function confirmPut(
  access: AzureAccess,
  key: string,
  expected: Expectation,
  { answer, signal }: { readonly answer: Report; readonly signal: AbortSignal },
): Promise<PutConfirmation> {
  const { size, md5, isChecksumOfServer } = expected
  const checksum = { algorithm: 'md5', value: md5.toString('hex') } as const
  if (isChecksumOfServer && hasMd5(key, md5, answer)) return { size, checksum }
  const head = await findAgain(access, key, signal)
  if (head.contentLength !== size) throw differs(key, 'size', String(head.contentLength), String(size))
  const isReported = hasMd5(key, md5, head)
  return { size: head.contentLength, checksum: isChecksumOfServer && isReported ? checksum : undefined }
}

async function findAgain(access: AzureAccess, key: string, signal: AbortSignal): Promise<Report> {
  try {
    const ask = (): Promise<Report> => requestHead(access, key, signal)
    return await repeatTransient(ask, { signal, toStorageError: azureStorageError })
  } catch (error) {
    signal.throwIfAborted()
    const mapped = azureStorageError(error, 'the server confirmed the upload, and was asked for the size')
    if (mapped.code !== 'NotFound') throw mapped
    throw new StorageError('Transient', `"${key}" is absent just after the server confirmed it`, { cause: error })
  }
}

/** @returns whether the server reports an MD5. @throws StorageError when it is another one. */
function hasMd5(key: string, md5: Buffer, { contentMD5 }: Report): boolean {
  if (contentMD5 === undefined) return false
  if (md5.equals(contentMD5)) return true
  throw differs(key, 'MD5', Buffer.from(contentMD5).toString('hex'), md5.toString('hex'))
}

function differs(key: string, what: string, reported: string, sent: string): StorageError {
  return new StorageError(
    'Transient',
    `the server reports ${what} ${reported} of "${key}", but what was sent has ${sent}; the object is there now, ` +
      'under its name, and is not to be trusted',
  )
}
