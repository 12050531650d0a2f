import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { StorageError } from '@walr/core/plugin'
import { textField } from '@walr/plugin-kit/storage'
import type { HostKeyKnowledge, KnownHostsFile } from './host-key-policy.ts'
import { findKnownKeys, knownHostName } from './known-hosts.ts'
import { localPath } from './local-path.ts'
import type { SftpOptions } from './options.ts'

/**
 * What is known of the server's keys now: the files are read again for each connection, so that a line that is added
 * counts at once.
 * @throws StorageError Permanent when a file cannot be read. The default ones may be absent.
 */
export async function loadHostKeyKnowledge(options: SftpOptions, baseDirectory: string): Promise<HostKeyKnowledge> {
  const { host, port, hostKey: pinned, knownHostsFile } = options
  if (pinned) return { host, port, pinned, files: [] }
  const paths =
    knownHostsFile === undefined
      ? [join(homedir(), '.ssh/known_hosts'), '/etc/ssh/ssh_known_hosts']
      : [localPath(knownHostsFile, baseDirectory)]
  const hostName = knownHostName(host, port)
  const read = async (path: string): Promise<KnownHostsFile> => ({
    path,
    keys: findKnownKeys(await contentOf(path, knownHostsFile === undefined), hostName),
  })
  return { host, port, pinned, files: await Promise.all(paths.map(read)) }
}

async function contentOf(path: string, mayBeAbsent: boolean): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (mayBeAbsent && textField(cause, 'code') === 'ENOENT') return ''
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StorageError('Permanent', `the keys of known servers cannot be read: ${reason}`, { cause })
  }
}
