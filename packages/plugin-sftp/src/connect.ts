import type { StorageError } from '@walr/core/plugin'
import { textField } from '@walr/plugin-kit/storage'
import { connectOnce, type ConnectionSettings } from './connect-once.ts'
import {
  hostKeyAlgorithms,
  hostKeyFault,
  keyType,
  pinnedFault,
  withoutKeyType,
  type HostKeyKnowledge,
} from './host-key-policy.ts'
import { loadHostKeyKnowledge } from './load-known-hosts.ts'
import type { SftpSession } from './sftp-session.ts'

/**
 * Opens a connection, checks the server's key, logs in, and starts SFTP. `signal` ends that at once.
 * @throws StorageError Permanent when the server's key is not to be trusted, or the account has no SFTP; errors of the
 * system and of ssh2.
 */
export async function connect(settings: ConnectionSettings, signal: AbortSignal): Promise<SftpSession> {
  const { options, context } = settings
  const knowledge = await loadHostKeyKnowledge(options, context.baseDirectory)
  signal.throwIfAborted()
  const limit = new AbortController()
  const timer = setTimeout(() => {
    const message = `the server has not let us in within ${options.connectTimeoutMs} ms`
    limit.abort(Object.assign(new Error(message), { code: 'ETIMEDOUT' }))
  }, options.connectTimeoutMs)
  try {
    return await connectTrusted(settings, knowledge, AbortSignal.any([signal, limit.signal]))
  } catch (error) {
    signal.throwIfAborted()
    throw limit.signal.aborted ? limit.signal.reason : error
  } finally {
    clearTimeout(timer)
  }
}

/** A server shows one of its keys for each connection: when others are pinned, it is asked for each type once. */
async function connectTrusted(
  settings: ConnectionSettings,
  knowledge: HostKeyKnowledge,
  signal: AbortSignal,
): Promise<SftpSession> {
  const { memory } = settings
  const refused: Buffer[] = []
  let algorithms = hostKeyAlgorithms(knowledge, memory?.trustedType)
  for (;;) {
    const seen: { key?: Buffer; fault?: StorageError | undefined } = {}
    const isTrusted = (key: Buffer): boolean => {
      seen.key = Buffer.from(key)
      seen.fault = hostKeyFault(key, knowledge)
      return seen.fault === undefined
    }
    try {
      const session = await connectOnce(settings, { algorithms, isTrusted }, signal)
      if (memory && seen.key) memory.trustedType = keyType(seen.key)
      return session
    } catch (error) {
      signal.throwIfAborted()
      if (refused.length > 0 && hasNoOtherKey(error)) throw pinnedFault(refused, knowledge)
      if (!seen.fault || !seen.key) throw error
      if (!knowledge.pinned) throw seen.fault
      refused.push(seen.key)
      const others = withoutKeyType(algorithms, keyType(seen.key))
      if (others.length === 0 || others.length === algorithms.length) throw pinnedFault(refused, knowledge)
      algorithms = others
    }
  }
}

function hasNoOtherKey(error: unknown): boolean {
  return textField(error, 'level') === 'handshake' && textField(error, 'message').includes('no matching host key')
}
