import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lockDirectory } from './directory-lock.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-lock-'))
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

/** Another process that takes the lock, forgets it, collects its garbage, and lives until it is killed. */
async function holdInAnotherProcess() {
  const script = `
    import { lockDirectory } from ${JSON.stringify(join(import.meta.dirname, 'directory-lock.ts'))}
    await lockDirectory(process.argv[1])
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setImmediate(resolve))
      gc()
    }
    console.log('locked')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', script, directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const exited = once(child, 'exit')
  const started = once(child.stdout, 'data').then(() => 'locked')
  const first = await Promise.race([started, exited.then(() => 'exited')])
  return {
    pid: child.pid ?? 0,
    first,
    errors: () => errors,
    async kill(): Promise<void> {
      child.kill('SIGKILL')
      await exited
    },
  }
}

describe('a directory lock', () => {
  it('is refused to a second holder with process id and host of the first, across processes', async () => {
    const other = await holdInAnotherProcess()
    try {
      expect(other.first).toBe('locked')
      expect(other.errors()).toBe('')
      await expect(lockDirectory(directory)).rejects.toMatchObject({
        code: 'WALR_DIRECTORY_LOCKED',
        message: `directory "${directory}" is in use by walr process ${other.pid} on host "${hostname()}"`,
      })
    } finally {
      await other.kill()
    }
  })

  it('ends with the process that held it, however it died', async () => {
    const other = await holdInAnotherProcess()
    await other.kill()
    expect(existsSync(join(directory, '.walr/lock.owner'))).toBe(true)
    const lock = await lockDirectory(directory)
    expect(JSON.parse(readFileSync(join(directory, '.walr/lock.owner'), 'utf8'))).toMatchObject({ pid: process.pid })
    await lock.release()
  })

  it('is refused within one process, too, and still held after a refusal', async () => {
    const lock = await lockDirectory(directory)
    await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'WALR_DIRECTORY_LOCKED' })
    const other = await holdInAnotherProcess()
    await other.kill()
    expect(other.first).toBe('exited')
    expect(other.errors()).toContain('WALR_DIRECTORY_LOCKED')
    await lock.release()
  })

  it('can be taken again after its release, which keeps the lock file and removes the owner', async () => {
    const first = await lockDirectory(directory)
    await first.release()
    expect(existsSync(join(directory, '.walr/lock'))).toBe(true)
    expect(existsSync(join(directory, '.walr/lock.owner'))).toBe(false)
    const second = await lockDirectory(directory)
    await first.release()
    await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'WALR_DIRECTORY_LOCKED' })
    await second.release()
  })

  it('is refused without a name when nobody can tell who holds it', async () => {
    const lock = await lockDirectory(directory)
    writeFileSync(join(directory, '.walr/lock.owner'), 'not an owner')
    await expect(lockDirectory(directory)).rejects.toMatchObject({
      code: 'WALR_DIRECTORY_LOCKED',
      message: `directory "${directory}" is in use by another walr process`,
    })
    await lock.release()
  })

  it('is not taken in a directory that does not exist, nor on a file that is something else', async () => {
    await expect(lockDirectory(join(directory, 'absent'))).rejects.toMatchObject({ code: 'WALR_DIRECTORY' })
    expect(existsSync(join(directory, 'absent'))).toBe(false)
    mkdirSync(join(directory, '.walr/lock'), { recursive: true })
    await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'WALR_DIRECTORY' })
    rmSync(join(directory, '.walr/lock'), { recursive: true })
    writeFileSync(join(directory, '.walr/lock'), 'this is not a database, and it is long enough to show '.repeat(10))
    await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'WALR_DIRECTORY' })
  })
})

it('writes nothing but the lock, which stays empty, and its owner', async () => {
  const lock = await lockDirectory(directory)
  expect(readdirSync(join(directory, '.walr')).sort()).toEqual(['lock', 'lock.owner'])
  expect(statSync(join(directory, '.walr', 'lock')).size).toBe(0)
  await lock.release()
})

it('is given back also where the note of its owner cannot be removed', async () => {
  const lock = await lockDirectory(directory)
  rmSync(join(directory, '.walr', 'lock.owner'))
  mkdirSync(join(directory, '.walr', 'lock.owner'))
  await lock.release()
  rmSync(join(directory, '.walr', 'lock.owner'), { recursive: true })
  await (await lockDirectory(directory)).release()
})
