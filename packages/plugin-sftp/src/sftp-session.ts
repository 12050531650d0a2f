import type { Socket } from 'node:net'
import type { Client, FileEntryWithStats, SFTPWrapper, Stats } from 'ssh2'
import { field } from '@walr/plugin-kit/storage'
import { SFTP_STATUS, SftpStatusError, UnsupportedRequestError, hasStatus } from './sftp-errors.ts'

declare module 'ssh2' {
  interface SFTPWrapper {
    /** With a handle: one request. */
    readdir(handle: Buffer, callback: (error: Error | undefined, list: FileEntryWithStats[]) => void): void
  }
}

/** How long the end of a connection may take before it is cut. */
const CLOSING_MS = 1000

/** How many requests wait for each other before they go to the system. */
const GATHERED_AT_MOST = 8

/** What the server tells of a file system. */
export interface FileSystemState {
  readonly freeBytes: number
  readonly freeFiles: number
  /** How many files fit in all; 0 where files are not counted. */
  readonly allFiles: number
  readonly isReadOnly: boolean
}

type Answer<T> = (error: Error | null | undefined, value: T) => void

/** One SFTP connection. Requests may be under way in any number; the server works on them in their order. */
export class SftpSession {
  readonly #socket: Socket
  readonly #client: Client
  readonly #sftp: SFTPWrapper
  readonly #silenceLimitMs: number
  readonly #unanswered = new Set<(reason: Error) => void>()
  readonly #ending = Promise.withResolvers<void>()
  #silence: NodeJS.Timeout | undefined
  #answered = 0
  #gathered = 0
  #end: Error | undefined

  /**
   * @param parts a connection that is logged in; the session owns it from now on.
   * @param silenceLimitMs how long requests may go without any answer before the connection is cut.
   */
  constructor(
    parts: { readonly socket: Socket; readonly client: Client; readonly sftp: SFTPWrapper },
    silenceLimitMs: number,
  ) {
    this.#socket = parts.socket
    this.#client = parts.client
    this.#sftp = parts.sftp
    this.#silenceLimitMs = silenceLimitMs
    const lost = (): void => {
      this.cut(connectionError('the connection to the server has ended', 'ECONNRESET'))
    }
    const fail = (cause: Error): void => {
      // whatever it was, bytes that were altered on the way included: another connection may do
      this.cut(connectionError(`the connection broke: ${cause.message}`, 'ECONNRESET', cause))
    }
    this.#client.on('error', fail).on('close', lost)
    this.#sftp.on('error', fail).on('end', lost).on('close', lost)
  }

  /** Resolves when it can be used no longer. */
  get ended(): Promise<void> {
    return this.#ending.promise
  }

  get isOpen(): boolean {
    return this.#end === undefined
  }

  /** Ends it at once. What is under way rejects with `reason`. */
  cut(reason: Error): void {
    if (this.#end) return
    this.#end = reason
    clearTimeout(this.#silence)
    this.#socket.destroy()
    for (const reject of this.#unanswered) reject(reason)
    this.#unanswered.clear()
    this.#ending.resolve()
  }

  /** Says goodbye to the server. What is under way rejects. */
  async close(): Promise<void> {
    if (this.#end) return
    const closed = new Promise((resolve) => this.#socket.once('close', resolve))
    const timer = setTimeout(() => {
      this.cut(connectionError('the connection was closed', 'ECONNABORTED'))
    }, CLOSING_MS)
    this.#client.end()
    await closed
    clearTimeout(timer)
    this.cut(connectionError('the connection was closed', 'ECONNABORTED'))
  }

  /** @param flags `r` to read, `wx` to write a file that is not there yet. */
  open(path: string, flags: 'r' | 'wx', mode = 0o600): Promise<Buffer> {
    return this.#ask(`open "${path}"`, (answer) => {
      this.#sftp.open(path, flags, mode, answer)
    })
  }

  closeHandle(handle: Buffer): Promise<void> {
    return this.#ask('close a file', (answer: Answer<void>) => {
      this.#sftp.close(handle, answer)
    })
  }

  /** The bytes are copied before this returns. They go in one request: not more than 32 KiB. */
  write(handle: Buffer, bytes: Buffer, range: { readonly from: number; readonly to: number }, at: number) {
    return this.#ask('write', (answer: Answer<void>) => {
      this.#sftp.write(handle, bytes, range.from, range.to - range.from, at, answer)
    })
  }

  /** @returns how many bytes were read; 0 at the end of the file. */
  read(handle: Buffer, into: Buffer, range: { readonly from: number; readonly to: number }, at: number) {
    return this.#ask('read', (answer: Answer<number>) => {
      this.#sftp.read(handle, into, range.from, range.to - range.from, at, answer)
    })
  }

  stat(path: string): Promise<Stats> {
    return this.#ask(`stat "${path}"`, (answer) => {
      this.#sftp.stat(path, answer)
    })
  }

  /** As {@link stat}; undefined when the server says that there is nothing, or that a folder on the way is none. */
  statIfThere(path: string): Promise<Stats | undefined> {
    return ifThere(this.stat(path))
  }

  /** As {@link statIfThere}, of a link itself. */
  lstatIfThere(path: string): Promise<Stats | undefined> {
    const asked = this.#ask<Stats>(`lstat "${path}"`, (answer) => {
      this.#sftp.lstat(path, answer)
    })
    return ifThere(asked)
  }

  /** The path from the root, without links. */
  realPath(path: string): Promise<string> {
    return this.#ask(`find "${path}"`, (answer: Answer<string>) => {
      this.#sftp.realpath(path, answer)
    })
  }

  fstat(handle: Buffer): Promise<Stats> {
    return this.#ask('stat an open file', (answer) => {
      this.#sftp.fstat(handle, answer)
    })
  }

  openFolder(path: string): Promise<Buffer> {
    return this.#ask(`list "${path}"`, (answer) => {
      this.#sftp.opendir(path, answer)
    })
  }

  /** Some more entries of an open folder; undefined when there are no more. */
  async readFolder(handle: Buffer): Promise<readonly FileEntryWithStats[] | undefined> {
    try {
      return await this.#ask('list a folder', (answer) => {
        this.#sftp.readdir(handle, answer)
      })
    } catch (error) {
      if (hasStatus(error, SFTP_STATUS.EOF)) return undefined
      throw error
    }
  }

  makeFolder(path: string, mode: number): Promise<void> {
    return this.#ask(`make the folder "${path}"`, (answer: Answer<void>) => {
      this.#sftp.mkdir(path, { mode }, answer)
    })
  }

  remove(path: string): Promise<void> {
    return this.#ask(`remove "${path}"`, (answer: Answer<void>) => {
      this.#sftp.unlink(path, answer)
    })
  }

  /** The rename of SFTP version 3, which fails, or ought to, when `to` is there. */
  rename(from: string, to: string): Promise<void> {
    return this.#ask(`rename "${from}" to "${to}"`, (answer: Answer<void>) => {
      this.#sftp.rename(from, to, answer)
    })
  }

  /** Replaces `to` at once (posix-rename@openssh.com). */
  replace(from: string, to: string): Promise<void> {
    return this.#askExtension('posix-rename@openssh.com', `replace "${to}"`, (answer: Answer<void>) => {
      this.#sftp.ext_openssh_rename(from, to, answer)
    })
  }

  /** Gives a file a second name (hardlink@openssh.com); fails when `to` is there. */
  link(from: string, to: string): Promise<void> {
    return this.#askExtension('hardlink@openssh.com', `link "${from}" to "${to}"`, (answer: Answer<void>) => {
      this.#sftp.ext_openssh_hardlink(from, to, answer)
    })
  }

  /** Makes an open file, or a folder that was opened as one, durable (fsync@openssh.com). */
  sync(handle: Buffer): Promise<void> {
    return this.#askExtension('fsync@openssh.com', 'fsync', (answer: Answer<void>) => {
      this.#sftp.ext_openssh_fsync(handle, answer)
    })
  }

  /** The file system that `path` is on, with what is free for this user (statvfs@openssh.com). */
  async fileSystemState(path: string): Promise<FileSystemState> {
    const told = await this.#askExtension('statvfs@openssh.com', `statvfs "${path}"`, (answer: Answer<unknown>) => {
      this.#sftp.ext_openssh_statvfs(path, answer)
    })
    const number = (name: string): number => Number(field(told, name))
    return {
      freeBytes: number('f_bavail') * number('f_frsize'),
      freeFiles: number('f_favail'),
      allFiles: number('f_files'),
      isReadOnly: number('f_flag') % 2 === 1,
    }
  }

  /** A request that ssh2 refuses to send unless the server has announced it. */
  #askExtension<T>(extension: string, what: string, send: (answer: Answer<T>) => void): Promise<T> {
    return this.#ask(what, (answer) => {
      try {
        send(answer)
      } catch {
        answer(new UnsupportedRequestError(extension), undefined as T)
      }
    })
  }

  #ask<T>(what: string, send: (answer: Answer<T>) => void): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    if (this.#end) {
      reject(this.#end)
      return promise
    }
    this.#unanswered.add(reject)
    this.#watch()
    this.#gather()
    send((error, value) => {
      if (!this.#unanswered.delete(reject)) return
      this.#answered += 1
      this.#watch()
      if (error) reject(statusError(what, error))
      else resolve(value)
    })
    return promise
  }

  /** ssh2 writes each packet in three pieces: what is asked for at once goes to the system together. */
  #gather(): void {
    if (this.#gathered === 0) {
      this.#socket.cork()
      process.nextTick(this.#pass)
    } else if (this.#gathered % GATHERED_AT_MOST === 0) {
      this.#socket.uncork()
      this.#socket.cork()
    }
    this.#gathered += 1
  }

  readonly #pass = (): void => {
    this.#gathered = 0
    this.#socket.uncork()
  }

  /** Every answer gives the others another {@link #silenceLimitMs}. */
  #watch(): void {
    if (this.#unanswered.size === 0) {
      clearTimeout(this.#silence)
      this.#silence = undefined
    } else if (this.#silence) this.#silence.refresh()
    else this.#silence = setTimeout(this.#onSilence, this.#silenceLimitMs)
  }

  readonly #onSilence = (): void => {
    const answered = this.#answered
    // This thread may have been busy for so long that answers are there which nobody has read.
    setImmediate(() => {
      if (this.#end || this.#unanswered.size === 0) return
      if (this.#answered !== answered) this.#watch()
      else this.cut(connectionError(`the server has not answered for ${this.#silenceLimitMs} ms`, 'ETIMEDOUT'))
    })
  }
}

async function ifThere(asked: Promise<Stats>): Promise<Stats | undefined> {
  try {
    return await asked
  } catch (error) {
    if (hasStatus(error, SFTP_STATUS.NO_SUCH_FILE)) return undefined
    throw error
  }
}

/** ssh2 gives the status of an answer as a number, and to the requests that a lost connection leaves none. */
function statusError(what: string, error: Error): Error {
  const status = field(error, 'code')
  if (error instanceof UnsupportedRequestError) return error
  if (typeof status === 'number') return new SftpStatusError(what, status, error.message)
  return connectionError(`the connection was lost before the answer to ${what}: ${error.message}`, 'ECONNRESET')
}

function connectionError(message: string, code: 'ECONNRESET' | 'ECONNABORTED' | 'ETIMEDOUT', cause?: Error): Error {
  return Object.assign(new Error(message, { cause }), { code })
}
