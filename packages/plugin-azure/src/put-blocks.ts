import { randomBytes } from 'node:crypto'
import type { BlockBlobClient } from '@azure/storage-blob'
import { StorageError, type PutConfirmation, type PutOptions } from '@walr/core/plugin'
import { repeatTransient, type Part, type PartReader } from '@walr/plugin-kit/storage'
import { blobOf, type AzureAccess } from './access.ts'
import { confirmPut } from './confirmation.ts'
import type { ObjectMeter } from './digests.ts'
import { azureStorageError, isInvalidBlockList } from './error-map.ts'
import { refuseExisting } from './head-object.ts'
import { encryptionOf, objectSettings } from './write-settings.ts'

/** Azure's own limit. */
export const MAX_BLOCKS = 50_000
const UPLOAD_ID_BYTES = 16

/** What is stored: the first part, which is not the last one, and all that follow. */
export interface ObjectParts {
  readonly first: Part<Buffer>
  readonly reader: PartReader<Buffer>
  readonly meter: ObjectMeter
}

/**
 * Stores an object in blocks, which nobody sees before the list of them is committed, with the condition. Not with the
 * SDK's own uploads: they hold on to borrowed chunks until a block is full, and send no MD5 with a block.
 *
 * With `ifAbsent` the key is looked at before the first block, so that nothing is sent in vain. Blocks of an upload
 * that failed cannot be removed: Azure forgets them when an object of that name is written, or after a week.
 */
export async function putBlocks(
  access: AzureAccess,
  key: string,
  { first, reader, meter }: ObjectParts,
  { ifAbsent, signal }: PutOptions,
): Promise<PutConfirmation> {
  if (ifAbsent) await refuseExisting(access, key, signal)
  const upload = new BlockUpload(access, key, signal)
  await upload.sendAll(first, reader)
  const md5 = meter.finish()
  await upload.commit(md5, ifAbsent)
  return confirmPut(access, key, { size: reader.given, md5, isChecksumOfServer: false }, { answer: {}, signal })
}

class BlockUpload {
  readonly #access: AzureAccess
  readonly #key: string
  readonly #blob: BlockBlobClient
  readonly #signal: AbortSignal
  readonly #failed = new AbortController()
  readonly #underWay = new Set<Promise<void>>()
  /** All writers of a blob share its blocks that are not committed: these names are of this upload only. */
  readonly #uploadId = randomBytes(UPLOAD_ID_BYTES)
  readonly #blockIds: string[] = []

  constructor(access: AzureAccess, key: string, signal: AbortSignal) {
    this.#access = access
    this.#key = key
    this.#blob = blobOf(access, key)
    this.#signal = AbortSignal.any([signal, this.#failed.signal])
  }

  /** Sends the first part and all that follow. Rejects with the first failure, when no request is left under way. */
  async sendAll(first: Part<Buffer>, reader: PartReader<Buffer>): Promise<void> {
    const { blockConcurrency } = this.#access.options
    try {
      for (let part = first; ; part = await reader.next(this.#signal)) {
        while (this.#underWay.size >= blockConcurrency) await Promise.race(this.#underWay)
        this.#signal.throwIfAborted()
        // nothing follows the last full part when the size of the source is not known
        if (part.bytes.length > 0) this.#start(part, reader)
        if (part.isLast) break
      }
      await Promise.all(this.#underWay)
    } catch (error) {
      this.#failed.abort(error)
      await Promise.all(this.#underWay)
    }
    if (this.#failed.signal.aborted) throw this.#failed.signal.reason
  }

  /** Makes the object of the blocks. One whose answer was lost is known again by the names of its blocks. */
  async commit(md5: Buffer, ifAbsent: boolean): Promise<void> {
    let attempts = 0
    const send = async (): Promise<void> => {
      attempts += 1
      try {
        const settings = objectSettings(this.#access.options, md5, ifAbsent)
        await this.#blob.commitBlockList(this.#blockIds, { ...settings, abortSignal: this.#signal })
      } catch (error) {
        const { code } = azureStorageError(error, '')
        if (attempts > 1 && code === 'AlreadyExists' && (await this.#isCommitted())) return
        // another writer of this blob has ended, which makes Azure forget these blocks
        if (ifAbsent && isInvalidBlockList(error)) await refuseExisting(this.#access, this.#key, this.#signal)
        throw error
      }
    }
    await repeatTransient(send, { signal: this.#signal, toStorageError: azureStorageError })
  }

  async #isCommitted(): Promise<boolean> {
    const { committedBlocks = [] } = await this.#blob.getBlockList('committed', { abortSignal: this.#signal })
    const isSame = committedBlocks.every(({ name }, index) => name === this.#blockIds[index])
    return isSame && committedBlocks.length === this.#blockIds.length
  }

  #start(part: Part<Buffer>, reader: PartReader<Buffer>): void {
    const index = this.#blockIds.length
    if (index >= MAX_BLOCKS) {
      const { blockSize } = this.#access.options
      throw new StorageError('Permanent', `more than ${MAX_BLOCKS} blocks of ${blockSize} bytes; raise "blockSize"`)
    }
    const blockId = this.#newBlockId(index)
    this.#blockIds.push(blockId)
    const task = this.#send(blockId, part).then(
      () => reader.giveBack(part),
      (error: unknown) => this.#failed.abort(error),
    )
    this.#underWay.add(task)
    void task.then(() => this.#underWay.delete(task))
  }

  async #send(blockId: string, { bytes, digests: md5 }: Part<Buffer>): Promise<void> {
    const encryption = encryptionOf(this.#access.options)
    const settings = { ...encryption, transactionalContentMD5: md5, abortSignal: this.#signal }
    const send = async (): Promise<void> => {
      const { contentMD5 } = await this.#blob.stageBlock(blockId, bytes, bytes.length, settings)
      if (contentMD5 === undefined || md5.equals(contentMD5)) return
      throw new StorageError('Transient', `the server reports another MD5 of a block of "${this.#key}" than was sent`)
    }
    await repeatTransient(send, { signal: this.#signal, toStorageError: azureStorageError })
  }

  /** All of one length, as Azure wants it. */
  #newBlockId(index: number): string {
    const number = Buffer.alloc(4)
    number.writeUInt32BE(index)
    return Buffer.concat([this.#uploadId, number]).toString('base64')
  }
}
