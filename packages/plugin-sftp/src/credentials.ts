import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { StorageError } from '@walr/core/plugin'
import ssh2, { type ParsedKey } from 'ssh2'
import { localPath } from './local-path.ts'
import type { SftpOptions } from './options.ts'
import { privateKeyFault } from './private-key-fault.ts'

/** Who logs in, and with what; at least one of the three is there. */
export interface Credentials {
  readonly username: string
  readonly password: string | undefined
  /** Opened already: a passphrase costs a good part of a second each time. */
  readonly privateKey: ParsedKey | undefined
  /** Absolute path of an agent's socket. */
  readonly agent: string | undefined
}

/**
 * Gathers the credentials.
 * @throws StorageError Permanent when the private key cannot be read or opened, or there is nothing, or no name, to log in with.
 */
export async function loadCredentials(options: SftpOptions, baseDirectory: string): Promise<Credentials> {
  const { password } = options
  const privateKey = await readPrivateKey(options, baseDirectory)
  const hasOther = password !== undefined || privateKey !== undefined
  const socket = options.agent ?? (hasOther ? undefined : process.env['SSH_AUTH_SOCK'])
  const agent = socket === undefined || socket === '' ? undefined : localPath(socket, baseDirectory)
  if (!hasOther && agent === undefined) {
    throw new StorageError(
      'Permanent',
      'there is nothing to log in with; set "privateKeyFile", "privateKey", "password" or "agent" (SSH_AUTH_SOCK is not set)',
    )
  }
  return { username: options.username ?? ownName(), password, privateKey, agent }
}

function ownName(): string {
  try {
    return userInfo().username
  } catch (cause) {
    throw new StorageError(
      'Permanent',
      'the user that walr runs as has no name on this machine; set the option "username" to the one on the server',
      { cause },
    )
  }
}

async function readPrivateKey(options: SftpOptions, baseDirectory: string): Promise<ParsedKey | undefined> {
  const { privateKeyFile, passphrase } = options
  const path = privateKeyFile === undefined ? undefined : localPath(privateKeyFile, baseDirectory)
  const name = path === undefined ? '"privateKey"' : `"privateKeyFile" (${path})`
  const privateKey = path === undefined ? options.privateKey : await contentOf(path, name)
  if (privateKey === undefined) return undefined
  const parsed = ssh2.utils.parseKey(privateKey, passphrase)
  if (!(parsed instanceof Error) && parsed.isPrivateKey()) return parsed
  const fault = parsed instanceof Error ? parsed.message : 'it is no private key'
  throw new StorageError('Permanent', `${name} cannot be used: ${privateKeyFault(privateKey, fault)}`)
}

async function contentOf(path: string, name: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StorageError('Permanent', `${name} cannot be read: ${reason}`, { cause })
  }
}
