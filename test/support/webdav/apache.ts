import { createHash } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { RunningProgram } from '../running-program.ts'
import { makeScratch } from '../scratch.ts'
import { asUser, unprivilegedUser } from '../unprivileged-user.ts'
import { waitFor } from '../wait-for.ts'
import { apacheConfiguration, WEBDAV_USER } from './apache-configuration.ts'

/** A real WebDAV server. */
export interface WebdavServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/`, where {@link WEBDAV_USER} may do everything and others nothing. */
  readonly url: string
  /** The folder on disk that it serves. */
  readonly directory: string
  /** Makes a folder and those above it. Resolves to its URL. */
  makeFolder(path: string): string
  /** Ends it and removes all its data; idempotent. */
  stop(): Promise<void>
}

/**
 * Starts Apache with mod_dav, from Debian's package `apache2-bin`, as the unprivileged user on a free port of 127.0.0.1.
 * Nothing of it outlives this process.
 */
export async function startApache(): Promise<WebdavServer> {
  const scratch = makeScratch('webdav', 'server')
  const port = await freePort()
  const data = join(scratch.path, 'data')
  makeOwned(data)
  writeOwned(join(scratch.path, 'apache.conf'), apacheConfiguration({ directory: scratch.path, port }))
  writeOwned(join(scratch.path, 'users'), `${WEBDAV_USER.username}:${passwordHash(WEBDAV_USER.password)}\n`)
  const args = ['-f', join(scratch.path, 'apache.conf'), '-D', 'FOREGROUND']
  const env = { PATH: process.env['PATH'], LC_ALL: 'C' }
  const program = new RunningProgram('/usr/sbin/apache2', args, {
    cwd: scratch.path,
    env,
    ...asUser(unprivilegedUser()),
  })
  const stop = async (): Promise<void> => {
    await program[Symbol.asyncDispose]()
    scratch.remove()
  }
  const url = `http://127.0.0.1:${port}/`
  try {
    await untilAnswers(url, program)
  } catch (cause) {
    const log = join(scratch.path, 'error.log')
    const text = [...program.stderr, existsSync(log) ? readFileSync(log, 'utf8') : ''].join('\n')
    await stop()
    throw new Error(`apache2 did not start:\n${text}`, { cause })
  }
  return {
    url,
    directory: data,
    makeFolder: (path) => {
      let folder = data
      for (const part of path.split('/')) makeOwned((folder = join(folder, part)))
      return `${url}${path.split('/').map(encodeURIComponent).join('/')}`
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function untilAnswers(url: string, program: RunningProgram): Promise<void> {
  await waitFor('apache2 answers', async () => {
    if (!program.isRunning) return 'ended'
    const answer = await fetch(url)
    await answer.arrayBuffer()
    return answer.status === 401
  })
  if (!program.isRunning) throw new Error('apache2 has ended')
}

/** The one of Apache's forms that needs no salt. */
function passwordHash(password: string): string {
  return `{SHA}${createHash('sha1').update(password).digest('base64')}`
}

function writeOwned(path: string, content: string): void {
  writeFileSync(path, content, { mode: 0o600 })
  own(path)
}

function makeOwned(path: string): void {
  mkdirSync(path, { recursive: true })
  own(path)
}

function own(path: string): void {
  const user = unprivilegedUser()
  if (user) chownSync(path, user.uid, user.gid)
}
