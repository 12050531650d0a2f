import type { Stats } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { WalrError } from '../../errors/walr-error.ts'
import type { TlsFileKeyword, TlsSettings } from './connection-settings.ts'
import { isSystemError, systemErrorText } from '../../errors/system-error.ts'

/** The contents of a file, in PEM as far as the file is what it should be. */
export interface PemFile {
  readonly path: string
  readonly text: string
  /** The setting that names the file, and where that came from. */
  readonly detail: string
}

/** What a file is, for messages. */
export interface FileKind {
  readonly name: string
  readonly detail: string
}

/** `name` as libpq calls it. */
export function fileKind({ fileSources }: TlsSettings, keyword: TlsFileKeyword, name: string): FileKind {
  return { name, detail: `The file is that of ${keyword} (from ${fileSources[keyword] ?? 'default'}).` }
}

/** undefined when there is no such file. */
export async function statIfPresent(path: string, kind: FileKind): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (cause) {
    if (isSystemError(cause, 'ENOENT', 'ENOTDIR')) return undefined
    throw unreadable(kind, path, cause)
  }
}

/** undefined when there is no such file. */
export async function readIfPresent(path: string | undefined, kind: FileKind): Promise<PemFile | undefined> {
  if (path === undefined) return undefined
  try {
    return { path, text: await readFile(path, 'utf8'), detail: kind.detail }
  } catch (cause) {
    if (isSystemError(cause, 'ENOENT', 'ENOTDIR')) return undefined
    throw unreadable(kind, path, cause)
  }
}

/** The error for a file that is there and does not let itself be read. */
export function unreadable({ name, detail }: FileKind, path: string, cause: unknown): WalrError {
  return new WalrError('WALR_TLS_FAILED', `could not read ${name} "${path}": ${systemErrorText(cause)}`, {
    detail,
    cause,
  })
}

/** The path of a file that no setting names. */
export function inDefault(settings: TlsSettings, name: string): string | undefined {
  return settings.defaultDirectory === undefined ? undefined : join(settings.defaultDirectory, name)
}
