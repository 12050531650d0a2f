import { isStorageError, StorageError, type PutConfirmation } from '@walr/core/plugin'
import { objectPath, type GcsAccess } from './access.ts'
import { gcsStorageError } from './error-map.ts'
import { requestResource } from './head-object.ts'
import { readText } from './http-exchange.ts'
import { parseResource, type ObjectResource } from './object-resource.ts'

/** How long an object that is not what was sent is given to be removed. */
const CLEANUP_TIMEOUT_MS = 3000

/** What was sent. */
export interface Sent {
  readonly size: number
  /** Four bytes. */
  readonly crc32c: Buffer
}

/**
 * Compares what the server says it has with what was sent. When its answer to the upload does not tell, the object is asked
 * for. An object that differs is removed again, as far as that is possible.
 * @param answer to the upload, JSON.
 * @throws StorageError Transient when anything differs, or the object cannot be found.
 */
export async function confirmPut(
  access: GcsAccess,
  key: string,
  { sent, answer, signal }: { readonly sent: Sent; readonly answer: unknown; readonly signal: AbortSignal },
): Promise<PutConfirmation> {
  const told = parseResource(answer)
  const resource = told?.crc32c === undefined ? await findAgain(access, key, signal) : told
  const checksum = sent.crc32c.toString('base64')
  if (resource.size !== sent.size) throw await differs('size', String(resource.size), String(sent.size))
  if (resource.crc32c === undefined) return { size: resource.size }
  if (resource.crc32c !== checksum) throw await differs('CRC32C', resource.crc32c, checksum)
  const value = Buffer.from(resource.crc32c, 'base64').toString('hex')
  return { size: resource.size, checksum: { algorithm: 'crc32c', value } }

  async function differs(what: string, reported: string, given: string): Promise<StorageError> {
    const fate = (await withdraw(access, key, resource)) ? 'it was removed' : 'it is there, and not to be trusted'
    return new StorageError(
      'Transient',
      `the server reports ${what} ${reported} of "${key}", but what was sent has ${given}; ${fate}`,
    )
  }
}

async function findAgain(access: GcsAccess, key: string, signal: AbortSignal): Promise<ObjectResource> {
  try {
    return await requestResource(access, key, signal)
  } catch (error) {
    if (!isStorageError(error, 'NotFound')) throw error
    throw new StorageError('Transient', `"${key}" is absent just after the server confirmed it`, { cause: error })
  }
}

/** Removes exactly what was stored, never what somebody else has put there since. @returns whether it is gone. */
async function withdraw(access: GcsAccess, key: string, { generation }: ObjectResource): Promise<boolean> {
  const { client, context } = access
  const signal = AbortSignal.timeout(CLEANUP_TIMEOUT_MS)
  const query = { ifGenerationMatch: generation }
  try {
    const accepted = [200, 204, 404, 412]
    await readText(await client.request({ method: 'DELETE', target: objectPath(access, key), query, accepted, signal }))
    return true
  } catch (error) {
    context.log.warning(gcsStorageError(error, `"${key}" is not what was sent, and could not be removed`).message)
    return false
  }
}
