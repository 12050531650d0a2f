import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeScratch, type Scratch } from '../scratch.ts'
import { walrCommandLine } from '../stage-for-user.ts'
import { waitFor } from '../wait-for.ts'
import { makeOwnedFolder, writeOwned } from './owned-files.ts'

/** One call of `restore_command`. */
export interface RestoreCall {
  readonly name: string
  readonly status: number
}

/**
 * A `restore_command` around walr that notes every call, and holds those for a name back until the test has done what it
 * wants to do at that moment.
 */
export class RestoreGate implements AsyncDisposable {
  readonly #scratch: Scratch = makeScratch('gate', 'server')
  readonly #script: string

  /** @param args of walr's restore-command, before the two that PostgreSQL adds. */
  constructor(args: string) {
    const { path } = this.#scratch
    for (const folder of ['hold', 'held']) makeOwnedFolder(join(path, folder))
    writeOwned(join(path, 'calls'), '')
    this.#script = join(path, 'restore')
    const lines = [
      '#!/bin/sh',
      `if [ -e "${path}/hold/$1" ]; then`,
      `  : >"${path}/held/$1"`,
      `  while [ -e "${path}/hold/$1" ]; do sleep 0.02; done`,
      'fi',
      walrCommandLine(`restore-command ${args} "$1" "$2"`),
      'status=$?',
      `echo "$1 $status" >>"${path}/calls"`,
      'exit $status',
      '',
    ]
    writeOwned(this.#script, lines.join('\n'), 0o700)
  }

  /** For `restore_command`. */
  get command(): string {
    return `"${this.#script}" %f %p`
  }

  /** The calls that have ended, oldest first. */
  get calls(): readonly RestoreCall[] {
    const lines = readFileSync(join(this.#scratch.path, 'calls'), 'utf8').split('\n')
    return lines
      .filter((line) => line !== '')
      .map((line) => line.split(' '))
      .map(([name = '', status = '']) => ({ name, status: Number(status) }))
  }

  /** The next call for this name waits for {@link release}. */
  hold(name: string): void {
    rmSync(join(this.#scratch.path, 'held', name), { force: true })
    writeFileSync(join(this.#scratch.path, 'hold', name), '')
  }

  /** Resolves when a call for this name waits. */
  async untilHeld(name: string, deadlineMs = 60_000): Promise<void> {
    await waitFor(`a call for ${name} waits`, () => existsSync(join(this.#scratch.path, 'held', name)), { deadlineMs })
  }

  release(name: string): void {
    rmSync(join(this.#scratch.path, 'hold', name), { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch[Symbol.asyncDispose]()
  }
}
