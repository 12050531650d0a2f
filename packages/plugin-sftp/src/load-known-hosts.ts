import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StorageError } from '@walr/core/plugin'
import { textField } from '@walr/plugin-kit/storage'
import { homeDirectory } from './home-directory.ts'
import type { HostKeyKnowledge, KnownHostsFile } from './host-key-policy.ts'
import { findKnownKeys, knownHostName } from './known-hosts.ts'
import { localPath } from './local-path.ts'
import type { SftpOptions } from './options.ts'

const SYSTEM_FILE = '/etc/ssh/ssh_known_hosts'

/**
 * What is known of the server's keys now: the files are read again for each connection, so that a line that is added
 * counts at once.
 * @throws StorageError Permanent when a file cannot be read. The default ones may be absent, and that of the user may be
 * none of this user's.
 */
export async function loadHostKeyKnowledge(options: SftpOptions, baseDirectory: string): Promise<HostKeyKnowledge> {
  const { host, port, hostKey: pinned, knownHostsFile } = options
  if (pinned) return { host, port, pinned, files: [] }
  const hostName = knownHostName(host, port)
  const read = async (path: string, isAbsence: (code: string) => boolean): Promise<KnownHostsFile> => ({
    path,
    keys: findKnownKeys(await contentOf(path, isAbsence), hostName),
  })
  if (knownHostsFile !== undefined) {
    return { host, port, pinned, files: [await read(localPath(knownHostsFile, baseDirectory), () => false)] }
  }
  const home = homeDirectory()
  const files = [read(SYSTEM_FILE, (code) => code === 'ENOENT')]
  // HOME may be anything, such as /dev/null, or somebody else's
  const isNone = (code: string) => ['ENOENT', 'ENOTDIR', 'EACCES'].includes(code)
  if (home !== undefined) files.unshift(read(join(home, '.ssh/known_hosts'), isNone))
  return { host, port, pinned, files: await Promise.all(files) }
}

/** @param isAbsence whether an error of the system is the same as an empty file. */
async function contentOf(path: string, isAbsence: (code: string) => boolean): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (isAbsence(textField(cause, 'code'))) return ''
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StorageError('Permanent', `the keys of known servers cannot be read: ${reason}`, { cause })
  }
}
