import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { SeededRandom } from '../crash/seeded-random.ts'
import { cleanEnvironment } from '../support/clean-environment.ts'
import { makeLocalPlace } from '../support/recovery/archive-place.ts'
import { loseCluster, writeReaderConfiguration } from '../support/recovery/archived-cluster.ts'
import { makeOwnedFolder } from '../support/recovery/owned-files.ts'
import { runProgram } from '../support/run-program.ts'
import { reachableWalr } from '../support/stage-for-user.ts'
import { asUser, unprivilegedUser } from '../support/unprivileged-user.ts'

const CALLS = 36
const SEGMENT = 1_048_576

it(`answers ${CALLS} calls with arguments made by chance: 0 only with a file, 1 only for what is absent`, async () => {
  const random = new SeededRandom()
  console.log(`WALR_TEST_SEED=${random.seed}`)
  const pick = <T>(...from: readonly [T, ...T[]]): T => from[random.between(0, from.length - 1)] ?? from[0]
  await using place = makeLocalPlace()
  await using lost = await loseCluster({ version: 17, places: [place], rows: 4 })
  const receiveDirectory = lost.archivers[0]?.receiveDirectory ?? ''
  const both = writeReaderConfiguration(place, { name: 'both', receiveDirectory })
  const archive = writeReaderConfiguration(place)
  const archived = new Set(
    readdirSync(join(place.directory, 'main', lost.systemIdentifier, 'wal/00000001')).map((name) => name.slice(0, 24)),
  )
  const { nodePath, walrPath } = reachableWalr()

  const hex = (length: number): string =>
    Array.from({ length }, () => '0123456789ABCDEF'[random.between(0, 15)] ?? '').join('')
  const validName = (): string =>
    pick(
      () => lost.row(random.between(1, 4)).segment,
      () => lost.row(random.between(1, 4)).segment,
      () => lost.row(5).segment,
      () => `00000001${hex(16)}`,
      () => hex(24),
      () => '00000002.history',
      () => `0000000${random.between(3, 9)}.history`,
      () => `${lost.row(3).segment}.partial`,
      () => `${lost.row(3).segment}.00000028.backup`,
    )()
  const invalidName = (): string =>
    pick(
      () => '',
      () => ' ',
      () => '-',
      () => '%f',
      () => '..',
      () => `../${lost.row(3).segment}`,
      () => `/${lost.row(3).segment}`,
      () => `${lost.row(3).segment} `,
      () => `${lost.row(3).segment}\n`,
      () => lost.row(3).segment.toLowerCase().replace('0', 'a'),
      () => `${lost.row(3).segment}.zst`,
      () => hex(random.between(1, 23)),
      () => hex(300),
      () => '0000002.history',
      () => 'identity.json',
      () => 'ü'.repeat(12),
    )()
  const validArguments = (): readonly string[] =>
    pick(
      ['--config', archive, '--archive-only'],
      ['--config', archive],
      ['--config', both],
      ['--config', both, '--partial=never'],
      ['--config', both, '--no-partial', '--prefetch=0', '-v'],
      ['--config', archive, '--timeout=2s', '--system-identifier', lost.systemIdentifier],
    )
  const invalidArguments = (): readonly string[] =>
    pick(
      [],
      ['--config'],
      ['--config', join(place.folder, 'missing.yaml')],
      ['--config', place.keyFile],
      ['--config', archive, '--no-such-option'],
      ['--config', archive, '--timeout=soon'],
      ['--config', archive, '--timeout=-1s'],
      ['--config', archive, '--partial=maybe'],
      ['--config', archive, '--prefetch=much'],
      ['--config', archive, '--unavailable=perhaps'],
      ['--config', archive, '--system-identifier', '1'],
      ['--config', archive, '--system-identifier', 'x'],
      ['--config', archive, '--serve-addr', 'http://127.0.0.1:1'],
      ['--serve-addr', 'http://127.0.0.1:1', '--timeout=1s'],
      ['--serve-addr', 'ftp://127.0.0.1', '--timeout=1s'],
      ['-D', ''],
      ['-D', join(place.folder, 'missing')],
      ['-D', place.folder],
    )

  const call = async (number: number): Promise<void> => {
    const [isNameValid, areArgumentsValid, isTargetValid] = [
      random.next() < 0.7,
      random.next() < 0.7,
      random.next() < 0.9,
    ]
    const name = isNameValid ? validName() : invalidName()
    const args = areArgumentsValid ? validArguments() : invalidArguments()
    const folder = makeOwnedFolder(join(place.folder, `target-${number}`))
    const target = join(folder, 'RECOVERYXLOG')
    // Nothing can be written there, which nobody needs to find out when there is nothing to write.
    const unusable: readonly (readonly string[])[] = [[join(folder, 'missing/RECOVERYXLOG')], [folder]]
    const targets = isTargetValid ? [target] : pick<readonly string[]>([], [target, 'more'], [''], ...unusable)
    const isUsage = !isTargetValid && !unusable.includes(targets)
    const line = ['restore-command', ...args, name, ...targets]
    const { exitCode, signal, stderr } = await runProgram(walrPath, line, {
      cwd: lost.base,
      env: cleanEnvironment({ WALR_NODE: nodePath }),
      ...asUser(unprivilegedUser()),
    })
    const said = `${JSON.stringify(line)} ended with ${exitCode ?? signal ?? ''}: ${stderr}`
    const isSegment = /^[0-9A-F]{24}$/.test(name)
    expect([0, 1, 255], said).toContain(exitCode)
    if (exitCode === 0) {
      expect(isNameValid && areArgumentsValid && isTargetValid, said).toBe(true)
      if (isSegment) expect(statSync(target).size, said).toBe(SEGMENT)
      expect(readdirSync(folder), said).toEqual(['RECOVERYXLOG'])
    } else {
      expect(existsSync(target), said).toBe(false)
      expect(readdirSync(folder), said).toEqual([])
    }
    if (exitCode === 1) {
      expect(isNameValid && areArgumentsValid && !isUsage, said).toBe(true)
      expect(archived.has(name), said).toBe(false)
    }
    if (exitCode === 255) expect(stderr, said).toMatch(/^walr: error: /m)
    // Nothing that is there and was asked for properly is refused.
    if (isNameValid && areArgumentsValid && isTargetValid) expect(exitCode, said).not.toBe(255)
    if (isNameValid && areArgumentsValid && isTargetValid && archived.has(name)) expect(exitCode, said).toBe(0)
  }
  for (let number = 0; number < CALLS; number += 2) await Promise.all([call(number), call(number + 1)])
})
