import { resolve } from 'node:path'
import type { HttpConfig } from '../../config/walr-config.ts'
import type { HttpSettings } from '../../http/http-settings.ts'

/** @param baseDirectory where relative paths start. */
export function httpSettingsOf(http: HttpConfig, baseDirectory: string): HttpSettings {
  const absolute = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolve(baseDirectory, path)
  return {
    listen: http.listen,
    token: http.token,
    certFile: absolute(http.certFile),
    keyFile: absolute(http.keyFile),
    clientCaFile: absolute(http.clientCaFile),
    maxDownloads: http.maxDownloads,
  }
}
