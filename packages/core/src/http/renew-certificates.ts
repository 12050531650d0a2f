import type { Server } from 'node:https'
import type { Disk } from '../disk/disk.ts'
import { isWalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { checkTlsFiles } from './check-tls-files.ts'
import type { HttpSettings } from './http-settings.ts'
import { SeldomLog } from './seldom-log.ts'
import { orBadCertificate, readTlsFiles, secureOptions, type TlsFiles } from './tls-files.ts'

export interface RenewalOptions {
  readonly settings: HttpSettings
  readonly disk: Disk
  readonly logger: Logger
  /** How often the files are looked at. */
  readonly renewalMs?: number
}

const RENEWAL_MS = 60_000

/**
 * Certificates are renewed while daemons run: new connections get what the files hold by then. Files that cannot be used,
 * as when only one of them was replaced yet, leave everything as it is.
 * @returns to be given to `clearInterval`.
 */
export function renewCertificates(server: Server, first: TlsFiles, options: RenewalOptions): NodeJS.Timeout {
  const { settings, disk, logger, renewalMs = RENEWAL_MS } = options
  const seldom = new SeldomLog(logger)
  let current = first
  const look = async (): Promise<void> => {
    try {
      const found = await readTlsFiles(disk, settings)
      if (found === undefined || isSame(found, current)) return
      checkTlsFiles(found, { settings, logger })
      orBadCertificate(settings, () => server.setSecureContext(secureOptions(found)))
      current = found
      logger.notice('http: the certificates were renewed')
    } catch (error) {
      if (!isWalrError(error)) throw error
      seldom.warning(error)
    }
  }
  return setInterval(() => void look(), renewalMs).unref()
}

function isSame(one: TlsFiles, other: TlsFiles): boolean {
  return one.cert.equals(other.cert) && one.key.equals(other.key) && (one.ca ?? none).equals(other.ca ?? none)
}

const none = Buffer.alloc(0)
