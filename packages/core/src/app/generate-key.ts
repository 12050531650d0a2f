import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { writeFileDurably } from '../disk/write-file-durably.ts'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import { readWholeFile } from '../wal/read-whole-file.ts'

/** What `walr keys generate` is asked for. */
export interface GenerateKeyRequest {
  /** Undefined: the date and four random digits, such as `2026-11-21-5f0c`. */
  readonly id?: string | undefined
  /** Absolute path of the file for the key; undefined when it is for standard output. */
  readonly file?: string | undefined
  /** Whether the file may exist: the key is then put in front of those that it has. */
  readonly add?: boolean
}

/** What it works with; tests give others. */
export interface GenerateKeyParts {
  readonly disk?: Disk
  readonly now?: () => Date
  readonly random?: (length: number) => Buffer
}

/** A new key. */
export interface GeneratedKey {
  readonly id: string
  /** `walr-key:ID:BASE64`, as key files have it; secret. */
  readonly line: string
}

const KEY_BYTES = 32
/** What the plugin reads at most. */
const LARGEST_KEY_FILE = 65_536
const idPattern = /^[A-Za-z0-9._-]{1,64}$/
/** A line of a key file: a comment, a key with its id, or a bare key. */
const linePattern =
  /^(#.*|walr-key:([A-Za-z0-9._-]{1,64}):[A-Za-z0-9+/_-]{43}=?|[A-Za-z0-9+/_-]{43}=?|[0-9A-Fa-f]{64})?$/

/**
 * Makes a key for encryption and, when a file is given, stores it there, durably and with mode 0600. A file that
 * exists is never written, except with `add`: then it is replaced as a whole by one that begins with the new key,
 * which makes that the current one, and goes on with all that was in it.
 * @throws WalrError WALR_USAGE for a bad id, a file that exists, or `add` without a file; WALR_KEY when the file to
 *   add to is no key file or has the id already; WALR_WRITE_FAILED, WALR_DISK_FULL or WALR_FSYNC_FAILED when it cannot
 *   be written.
 */
export async function generateKey(request: GenerateKeyRequest, parts: GenerateKeyParts = {}): Promise<GeneratedKey> {
  const { disk = nodeDisk, now = () => new Date(), random = randomBytes } = parts
  const { file, add = false } = request
  const id = request.id ?? `${now().toISOString().slice(0, 10)}-${random(2).toString('hex')}`
  if (!idPattern.test(id)) {
    throw new WalrError('WALR_USAGE', `"${id}" cannot be the id of a key`, {
      hint: 'An id is 1 to 64 of the characters A-Z a-z 0-9 . _ -',
    })
  }
  if (add && file === undefined) {
    throw new WalrError('WALR_USAGE', '"--add" needs the file to add the key to', {
      hint: 'Give it with "--output FILE".',
    })
  }
  const key = { id, line: `walr-key:${id}:${random(KEY_BYTES).toString('base64')}` }
  if (file !== undefined)
    await (add ? addToFile(disk, file, key) : writeNewFile(disk, file, Buffer.from(`${key.line}\n`)))
  return key
}

async function addToFile(disk: Disk, file: string, key: GeneratedKey): Promise<void> {
  const lock = `${file}.lock`
  // Two at the same time would each write a file without the other's key.
  await createExclusively(disk, lock, Buffer.alloc(0), {
    hint: `Another "walr keys generate" is at work. If there is none, an earlier one was interrupted: remove it.`,
  })
  try {
    const before = await readKeyFile(disk, file)
    if (before === undefined) {
      await writeNewFile(disk, file, Buffer.from(`${key.line}\n`))
    } else {
      checkKeyFile(before, file, key.id)
      await writeFileDurably(disk, file, Buffer.concat([Buffer.from(`${key.line}\n`), before]))
    }
  } finally {
    await disk.remove(lock)
  }
}

function writeNewFile(disk: Disk, file: string, contents: Buffer): Promise<void> {
  return createExclusively(disk, file, contents, {
    hint: 'Use "--add" to put the new key in front of those in the file, or give another file. It was not changed.',
  })
}

/** Creates a file durably, or not at all; never opens one that exists. */
async function createExclusively(
  disk: Disk,
  path: string,
  contents: Buffer,
  whenItExists: { readonly hint: string },
): Promise<void> {
  const file = await disk.open(path, 'createNew', 0o600).catch((cause: unknown) => {
    if (isSystemError(cause, 'EEXIST'))
      throw new WalrError('WALR_USAGE', `file "${path}" exists`, { ...whenItExists, cause })
    throw writeFailed(path, cause)
  })
  try {
    try {
      await file.write(contents, 0, contents.length, 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await disk.syncDirectory(dirname(path))
  } catch (cause) {
    // Whatever stands in the way of removing it is less important than the first failure.
    await disk.remove(path).catch(() => undefined)
    throw writeFailed(path, cause)
  }
}

function writeFailed(path: string, cause: unknown): WalrError {
  const code = isSystemError(cause, 'ENOSPC', 'EDQUOT') ? 'WALR_DISK_FULL' : 'WALR_WRITE_FAILED'
  return new WalrError(code, `could not write file "${path}": ${systemErrorText(cause)}`, {
    hint: 'The new key was not stored and is lost; nothing was encrypted with it.',
    cause,
  })
}

/** Undefined when there is no such file. */
async function readKeyFile(disk: Disk, path: string): Promise<Buffer | undefined> {
  try {
    const parts: Uint8Array[] = []
    let length = 0
    for await (const part of readWholeFile(disk, path)) {
      parts.push(part)
      length += part.length
      if (length > LARGEST_KEY_FILE) throw notAKeyFile(path, `it is larger than ${LARGEST_KEY_FILE} bytes`)
    }
    return Buffer.concat(parts)
  } catch (cause) {
    if (isSystemError(cause, 'ENOENT')) return undefined
    if (!isSystemError(cause)) throw cause
    throw new WalrError('WALR_KEY', `could not read file "${path}": ${systemErrorText(cause)}`, { cause })
  }
}

function checkKeyFile(contents: Buffer, path: string, newId: string): void {
  for (const [index, line] of contents.toString('utf8').split('\n').entries()) {
    const match = linePattern.exec(line.trim())
    if (!match) throw notAKeyFile(path, `line ${index + 1} is neither a key nor a comment`)
    if (match[2] === newId) {
      throw new WalrError('WALR_KEY', `file "${path}" has a key with the id "${newId}" already, in line ${index + 1}`, {
        hint: 'Give the new key another id with "--id".',
      })
    }
  }
}

function notAKeyFile(path: string, why: string): WalrError {
  return new WalrError('WALR_KEY', `file "${path}" is no key file: ${why}`, {
    hint: 'It was not changed. A key file has one key a line; lines that begin with "#" are comments.',
  })
}
