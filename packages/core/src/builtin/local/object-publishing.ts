import { join } from 'node:path'
import type { TreeDisk } from '../../disk/disk.ts'
import { isSystemError, systemErrorText } from '../../errors/system-error.ts'
import { StorageError } from '../../plugins/contract/index.ts'
import type { DurableFolders } from './durable-folders.ts'

/** Where finished files get the names of objects. */
export interface PublishingPlace {
  readonly disk: TreeDisk
  readonly base: string
  readonly folders: DurableFolders
  readonly hardLinks: boolean
}

/**
 * Gives the durable file `temporary` the name of the object `key`, durably; with `ifAbsent` only when that is free.
 * `temporary` may be left, as a second name. When it rejects, the object is not there because of this call.
 * @throws errors of the system; StorageError AlreadyExists, which is said of an object only once it is durable.
 */
export async function publishObject(
  place: PublishingPlace,
  temporary: string,
  key: string,
  ifAbsent: boolean,
): Promise<void> {
  try {
    await publishOnce(place, temporary, key, ifAbsent)
  } catch (error) {
    // Somebody has removed a folder that was there.
    if (!isSystemError(error, 'ENOENT')) throw error
    place.folders.forget()
    await publishOnce(place, temporary, key, ifAbsent)
  }
}

/**
 * Rejects with AlreadyExists when there is an object. It is made durable first: the process that stored it may have ended
 * before it did that, and who hears AlreadyExists may remove the last other copy.
 */
export async function refuseExisting(place: PublishingPlace, key: string): Promise<void> {
  const target = join(place.base, key)
  const stat = await place.disk.stat(target).catch((error: unknown) => {
    if (isSystemError(error, 'ENOTDIR')) return undefined
    throw error
  })
  if (stat === undefined) return
  if (stat.kind !== 'file') throw new StorageError('Permanent', `"${target}" is there and is not a file`)
  const file = await place.disk.open(target, 'read')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
  await place.disk.syncDirectory(await place.folders.make(key))
  throw new StorageError('AlreadyExists', `there is an object "${key}" already`)
}

async function publishOnce(place: PublishingPlace, temporary: string, key: string, ifAbsent: boolean): Promise<void> {
  const folder = await place.folders.make(key)
  const target = join(place.base, key)
  if (ifAbsent && place.hardLinks) await link(place, temporary, key)
  else {
    if (ifAbsent) await refuseExisting(place, key)
    await place.disk.rename(temporary, target)
  }
  try {
    await place.disk.syncDirectory(folder)
  } catch (error) {
    // An object that is visible but not durable would be confirmed by the next AlreadyExists.
    if (ifAbsent) await place.disk.remove(target).catch(() => undefined)
    throw error
  }
}

async function link(place: PublishingPlace, temporary: string, key: string): Promise<void> {
  const target = join(place.base, key)
  try {
    await place.disk.link(temporary, target)
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) {
      await refuseExisting(place, key)
      throw new StorageError('Transient', `an object "${key}" was there and is gone again`, { cause: error })
    }
    if (!isSystemError(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK')) throw error
    throw new StorageError(
      'Permanent',
      `could not link "${temporary}" to "${target}": ${systemErrorText(error)}; if the file system has no hard links, ` +
        'set the option "hardLinks" to false, and let only one walr write there',
      { cause: error },
    )
  }
}
