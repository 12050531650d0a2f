import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { TextDecoder } from 'node:util'
import { systemErrorText } from '../errors/system-error.ts'

/** No key and no password is longer; a device would never end. */
const MAX_SIZE = 1024 * 1024

/**
 * Reads the text of a `${file:PATH}`: the whole file without one newline at its end.
 * @param baseDirectory where relative paths start.
 * @throws Error with the path and the reason, and nothing of what is in the file.
 */
export async function readSecretFile(path: string, baseDirectory: string): Promise<string> {
  if (path === '') throw new Error('has a "${file:}" without a path')
  const absolute = resolve(baseDirectory, path)
  let bytes: Buffer
  try {
    bytes = await readUpTo(absolute, MAX_SIZE + 1)
  } catch (cause) {
    throw new Error(`refers to the file "${absolute}", which cannot be read: ${systemErrorText(cause)}`, { cause })
  }
  if (bytes.length > MAX_SIZE) throw new Error(`refers to the file "${absolute}", which is longer than 1 MiB`)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes).replace(/\r?\n$/, '')
  } catch {
    throw new Error(
      `refers to the file "${absolute}", which is not UTF-8 text; options for binary keys name their file`,
    )
  }
}

async function readUpTo(path: string, size: number): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const chunks: Buffer[] = []
    for (let length = 0; length < size;) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(65_536, size - length)))
      if (bytesRead === 0) break
      chunks.push(buffer.subarray(0, bytesRead))
      length += bytesRead
    }
    return Buffer.concat(chunks)
  } finally {
    await file.close()
  }
}
