import { StorageError } from '@walr/core/plugin'
import { field } from '@walr/plugin-kit/storage'
import type { Client, SFTPWrapper } from 'ssh2'

const remedy =
  'give it a shell that works and prints nothing, or let the server start SFTP by itself ("ForceCommand internal-sftp" in its ' +
  'sshd_config)'

/**
 * Starts SFTP on a connection that is logged in.
 * @throws StorageError Permanent when the account starts something else; other errors of ssh2.
 */
export async function startSftp(client: Client): Promise<SFTPWrapper> {
  const { promise, resolve, reject } = Promise.withResolvers<SFTPWrapper>()
  client.on('close', () => {
    reject(closedByServer())
  })
  client.sftp((error, sftp) => {
    if (error) reject(whyNotStarted(error))
    else resolve(sftp)
  })
  return promise
}

/** What happened when a connection is closed without another error. */
export function closedByServer(): Error {
  return Object.assign(new Error('the server closed the connection'), { code: 'ECONNRESET' })
}

function whyNotStarted(error: Error): Error {
  const text = printedText(error.message)
  if (text !== undefined) return notStarted(`the account prints "${text}..." instead; ${remedy}`, error)
  if (!error.message.endsWith('SFTP session') && !error.message.endsWith('SFTP session termination')) return error
  const status = field(error, 'code')
  // not the reason of a disconnect, which is a number, too
  if (typeof status === 'number')
    return notStarted(`what the account starts ended with exit code ${status}; ${remedy}`, error)
  return Object.assign(closedByServer(), { cause: error })
}

/** What stands where the length of the first packet ought to: its four bytes, when they are text. */
function printedText(message: string): string | undefined {
  const [, digits] = /^Packet length (\d+) exceeds/.exec(message) ?? []
  if (digits === undefined) return undefined
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(Number(digits))
  return bytes.toString('latin1').replaceAll(/[^ -~]/g, '?')
}

function notStarted(why: string, cause: Error): StorageError {
  return new StorageError('Permanent', `the server did not start SFTP: ${why}`, { cause })
}
