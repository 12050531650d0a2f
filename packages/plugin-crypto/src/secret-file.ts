import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { OptionsError, type HookContext } from '@walr/core/plugin'

/** No file of keys is larger; whatever is was named by mistake. */
const LARGEST_FILE = 65_536
/** Mode bits that let others than owner and group read, or others than the owner write. */
const OPEN_TO_OTHERS = 0o026

/**
 * Reads a file with keys or a passphrase, and warns when others can read or write it.
 * @param option names the option in errors.
 * @throws OptionsError with the absolute path, never with contents.
 */
export async function readSecretFile(option: string, path: string, context: HookContext): Promise<string> {
  const file = resolve(context.baseDirectory, path)
  try {
    const handle = await open(file, 'r')
    try {
      const { mode } = await handle.stat()
      if ((mode & OPEN_TO_OTHERS) !== 0) {
        const digits = (mode & 0o777).toString(8).padStart(4, '0')
        context.log.warning(
          `file "${file}" (option "${option}") is open to other users: its mode is ${digits}, not 0600`,
        )
      }
      const buffer = Buffer.alloc(LARGEST_FILE + 1)
      let length = 0
      for (let read = 1; read > 0 && length < buffer.length; length += read) {
        read = (await handle.read(buffer, length)).bytesRead
      }
      if (length > LARGEST_FILE) throw new Error(`it is larger than ${LARGEST_FILE} bytes`)
      const text = buffer.toString('utf8', 0, length)
      buffer.fill(0)
      return text
    } finally {
      await handle.close()
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OptionsError([{ path: option, message: `could not read file "${file}": ${reason}` }], { cause })
  }
}
