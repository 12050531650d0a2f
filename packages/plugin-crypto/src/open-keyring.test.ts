import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isOptionsError } from '@walr/core/plugin'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import plugin from './index.ts'
import { codecOf, collect, contextOf, decode, encode, hookContext, keyBytes, pieces, ringOf } from './object.fixture.ts'
import { openKeyring } from './open-keyring.ts'
import { parseOptions } from './options.ts'
import { PassphraseKeys } from './passphrase-keys.ts'

const secret = keyBytes(0).toString('base64')
const key = `walr-key:k1:${secret}`
const second = `walr-key:k2:${keyBytes(1).toString('base64')}`
const program = process.execPath

let directory: string
let context: ReturnType<typeof hookContext>
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-keys-'))
  context = hookContext(directory)
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

function file(name: string, contents: string, mode = 0o600): string {
  writeFileSync(join(directory, name), contents)
  chmodSync(join(directory, name), mode)
  return name
}

const open = (input: Readonly<Record<string, unknown>>) =>
  openKeyring(parseOptions(input), context, new PassphraseKeys(14))

/** Why the key ring does not open; no part of the key may be in it. */
async function faultOf(input: Readonly<Record<string, unknown>>): Promise<string> {
  const error = await open(input).catch((thrown: unknown) => thrown)
  if (!isOptionsError(error)) throw new Error('expected an OptionsError', { cause: error })
  expect(`${error.message}${String(error.cause)}`).not.toContain(secret.slice(0, 12))
  return error.message
}

describe('the key ring', () => {
  it('comes from a file beside the configuration, the first key as the current one', async () => {
    const keyring = await open({ keyFile: file('walr.keys', `# ring\n${second}\n${key}\n`) })
    expect(keyring.current.id).toBe('k2')
    expect(
      await decode(await encode(Buffer.from('x'), codecOf(ringOf(['k1', keyBytes(0)]))), codecOf(keyring)),
    ).toEqual(Buffer.from('x'))
    expect(context.warnings).toEqual([])
  })

  it('comes from a text, as the environment or a secret has it', async () => {
    expect((await open({ key: `${key}\n` })).current.id).toBe('k1')
    expect((await open({ key: secret })).current.id).toBe('key-2d1f50d3')
  })

  it('comes from a program, which runs in the folder of the configuration and without a shell', async () => {
    file('secret', key)
    const script = 'process.stdout.write(fs.readFileSync("secret", "utf8") + "\\n# " + process.argv[1])'
    const keyring = await open({ keyCommand: [program, '-e', script, '$HOME; exit 1'] })
    expect(keyring.current.id).toBe('k1')
    expect((await open({ keyCommand: 'cat secret' })).current.id).toBe('k1')
  })

  it('encrypts with the key that is asked for', async () => {
    expect((await open({ key: `${key}\n${second}`, keyId: 'k2' })).current.id).toBe('k2')
    expect(await faultOf({ key: `${key}\n${second}`, keyId: 'k3' })).toBe(
      '"keyId": "k3" is none of the keys of "key": "k1", "k2"',
    )
  })

  it('has old keys and old passphrases for reading only, whatever the current key comes from', async () => {
    const old = await encode(Buffer.from('x'), codecOf(ringOf(['k1', keyBytes(0)])))
    const withPassphrase = await open({ passphrase: 'correct horse', oldKeys: key })
    expect(withPassphrase.current.id).toBe('passphrase')
    expect(await decode(old, codecOf(withPassphrase))).toEqual(Buffer.from('x'))
    const later = await encode(Buffer.from('y'), codecOf(withPassphrase))
    const withKey = await open({ key: second, oldKeys: [key], oldPassphrases: 'correct horse' })
    expect(await decode(old, codecOf(withKey))).toEqual(Buffer.from('x'))
    expect(await decode(later, codecOf(withKey))).toEqual(Buffer.from('y'))
    expect(await faultOf({ key, oldKeys: second.replace('k2', 'k1') })).toBe(
      '"oldKeys": has another key with the id "k1" than "key"',
    )
  })

  it('takes the one line of a file as the passphrase, without its line break', async () => {
    const keyring = await open({ passphraseFile: file('passphrase', 'correct horse \r\n'), keyId: 'shared' })
    expect(keyring.current.id).toBe('shared')
    const object = await encode(Buffer.from('x'), codecOf(keyring))
    expect(await decode(object, codecOf(await open({ passphrase: 'correct horse ' })))).toEqual(Buffer.from('x'))
    const path = join(directory, 'p')
    expect(await faultOf({ passphraseFile: file('p', 'correct horse\nbattery\n') })).toBe(
      `"passphraseFile": file "${path}", has more than one line; a passphrase is one line`,
    )
    expect(await faultOf({ passphraseFile: file('p', 'short\n') })).toBe(
      `"passphraseFile": file "${path}", the passphrase is shorter than 12 characters`,
    )
  })

  it('warns of a file that is open to others', async () => {
    await open({ keyFile: file('walr.keys', key, 0o640) })
    expect(context.warnings).toEqual([])
    await open({ keyFile: file('walr.keys', key, 0o644) })
    expect(context.warnings).toEqual([
      `file "${join(directory, 'walr.keys')}" (option "keyFile") is open to other users: its mode is 0644, not 0600`,
    ])
  })

  it('says which file and line is wrong, and never what stands there', async () => {
    const path = join(directory, 'f')
    expect(await faultOf({ keyFile: file('f', `${key}\n${secret}.\n`) })).toMatch(
      `"keyFile": file "${path}", line 2: it`,
    )
    expect(await faultOf({ keyFile: 'absent' })).toMatch(`could not read file "${join(directory, 'absent')}": ENOENT`)
    expect(await faultOf({ keyFile: '.' })).toMatch('EISDIR')
    expect(await faultOf({ keyFile: file('f', '#'.repeat(70_000)) })).toMatch('it is larger than 65536 bytes')
  })

  it('says how a program failed, without its arguments and without keys that it printed', async () => {
    const run = (script: string, more: object = {}) =>
      faultOf({ keyCommand: [program, '-e', script, 's3cr3t'], ...more })
    const failed = await run(`console.log('${key}'); console.error('locked: ${secret}'); process.exit(3)`)
    expect(failed).toBe(`"keyCommand": program "${program}" ended with status 3; it said: locked: (masked)`)
    expect(await run('setInterval(() => {}, 1000)', { keyCommandTimeoutMs: 300 })).toMatch('was not done after 300 ms')
    expect(await run('process.stdout.write("x".repeat(100000))')).toMatch('printed more than 65536 bytes')
    expect(await run('process.kill(process.pid, "SIGTERM")')).toMatch('was ended by SIGTERM')
    expect(await run('console.log("x")')).toMatch(`output of "${program}", line 1: it is neither`)
    expect(await faultOf({ keyCommand: 'walr-no-such-program' })).toMatch('could not be started (ENOENT)')
  })

  it('does not wait for a program when it is no longer wanted', async () => {
    const controller = new AbortController()
    const reason = new Error('no longer wanted')
    const options = parseOptions({ keyCommand: [program, '-e', 'setInterval(() => {}, 1000)'] })
    const opening = openKeyring(options, { ...context, signal: controller.signal }, new PassphraseKeys(14))
    controller.abort(reason)
    await expect(opening).rejects.toBe(reason)
  })
})

describe('the plugin', () => {
  it('makes a codec that reads what it writes', async () => {
    const codec = await plugin.createCodec?.(plugin.parseOptions({ keyFile: file('k', key) }), context)
    if (!codec) throw new Error('there is no codec')
    expect(codec).toMatchObject({ id: 'aes-256-gcm/1', kind: 'encryption', suffix: '.aes' })
    const coded = await collect(codec.encode(pieces(Buffer.from('some WAL')), contextOf()))
    expect(await collect(codec.decode(pieces(coded), contextOf()))).toEqual(Buffer.from('some WAL'))
  })
})
