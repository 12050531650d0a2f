import { StorageError, type StoredObject } from '@walr/core/plugin'

/**
 * Passes a listing through.
 * @throws StorageError Permanent when keys do not ascend by the bytes of their UTF-8: what is missing would not show.
 */
export async function* inByteOrder(
  objects: AsyncIterable<StoredObject>,
): AsyncGenerator<StoredObject, void, undefined> {
  let last: Buffer | undefined
  for await (const object of objects) {
    const name = Buffer.from(object.key)
    if (last !== undefined && Buffer.compare(last, name) >= 0) {
      throw new StorageError('Permanent', `the server listed "${object.key}" out of order`)
    }
    last = name
    yield object
  }
}
