import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { createCryptoCodec } from './crypto-codec.ts'
import { Keyring } from './keyring.ts'
import { CHUNK, codecOf, decode, dissect, encode, keyBytes, ringOf, sampleBytes } from './object.fixture.ts'
import { PassphraseKeys } from './passphrase-keys.ts'
import { readObject } from './second-reader.fixture.ts'

const page = readFileSync(fileURLToPath(new URL('../../../docs/archive-format/encryption.md', import.meta.url)), 'utf8')
const passphrase = 'correct horse battery'
const master = { masterKey: keyBytes(0) }

/** The bytes in a block of the page. */
function vector(name: string): Buffer {
  const block = new RegExp(`\`\`\`hex ${name}\\n([0-9a-f\\n]+)\`\`\``).exec(page)?.[1]
  if (block === undefined) throw new Error(`the page has no block "${name}"`)
  return Buffer.from(block.replaceAll('\n', ''), 'hex')
}

/** "Random" bytes of the vectors: `first`, `first + 1`, ... through all calls. */
function counting(first: number): (length: number) => Uint8Array {
  let next = first
  return (length) => Uint8Array.from({ length }, () => next++)
}

async function passphraseCodec(): Promise<ReturnType<typeof codecOf>> {
  const passphraseKeys = new PassphraseKeys(14, counting(0x30))
  const current = await passphraseKeys.derive('passphrase', passphrase)
  return codecOf(new Keyring({ current, keys: [], passphrases: [passphrase], passphraseKeys }), counting(0x40))
}

describe('the specification of the format', () => {
  it('has the first vector as the codec makes it, and as a second reader and the codec read it', async () => {
    const plain = Buffer.from('walr keeps the last copy of your data')
    const keyring = ringOf(['k1', keyBytes(0)])
    const codec = createCryptoCodec({ keyring, chunkSize: 65_536, random: counting(0x40) })
    expect(await encode(plain, codec, 'vector/1.aes')).toEqual(vector('vector-1'))
    expect(await decode(vector('vector-1'), codec, 'vector/1.aes')).toEqual(plain)
    expect(readObject(vector('vector-1'), 'vector/1.aes', master)).toEqual(plain)
  })

  it('has the second vector as the codec makes it, and as a second reader and the codec read it', async () => {
    const plain = Buffer.alloc(4099, 'w')
    const object = await encode(plain, await passphraseCodec(), 'vector/2.aes')
    expect(object).toHaveLength(4319)
    expect(dissect(object).header).toEqual(vector('vector-2-header'))
    expect(page).toContain(`\`${createHash('sha256').update(object).digest('hex')}\``)
    expect(await decode(object, await passphraseCodec(), 'vector/2.aes')).toEqual(plain)
    expect(readObject(object, 'vector/2.aes', { passphrase })).toEqual(plain)
  })

  it.each([0, 1, CHUNK, CHUNK + 1, 4 * CHUNK, 100_000])('is enough for a second reader, %i bytes', async (length) => {
    const plain = sampleBytes(length)
    const object = await encode(plain)
    const key = 'main/7301234567890123456/wal/00000001/000000010000000000000042.zst.aes'
    expect(readObject(object, key, master)).toEqual(plain)
    expect(() => readObject(object, `${key}2`, master)).toThrow('object key')
    expect(() => readObject(object, key, { masterKey: keyBytes(1) })).toThrow('check value')
    expect(() => readObject(Buffer.concat([object, Buffer.of(0)]), key, master)).toThrow('trailing bytes')
  })
})
