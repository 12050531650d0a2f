import { scryptSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Keyring } from './keyring.ts'
import { codecOf, complaint, decode, encode, ring, sampleBytes } from './object.fixture.ts'
import { PassphraseKeys, sharedPassphraseKeys } from './passphrase-keys.ts'
import { deriveWrappingKey } from './wrapping-key.ts'

const plain = sampleBytes(10_000)

/** The key ring of a process that has been given these passphrases. */
async function ringOf(passphraseKeys: PassphraseKeys, ...passphrases: readonly string[]): Promise<Keyring> {
  const current = await passphraseKeys.derive('passphrase', passphrases[0] ?? '')
  return new Keyring({ current, keys: [], passphrases, passphraseKeys })
}

describe('passphrases', () => {
  it('are stretched once for all objects of a process, and once for each process whose objects are read', async () => {
    const writer = new PassphraseKeys(14)
    const codec = codecOf(await ringOf(writer, 'correct horse'))
    const objects = await Promise.all([encode(plain, codec), encode(plain, codec), encode(plain, codec)])
    for (const object of objects) expect(await decode(object, codec)).toEqual(plain)
    expect(writer.derivationCount).toBe(1)

    const reader = new PassphraseKeys(14)
    const reading = codecOf(await ringOf(reader, 'correct horse'))
    const decoded = await Promise.all(objects.map((object) => decode(object, reading)))
    for (const bytes of decoded) expect(bytes).toEqual(plain)
    expect(reader.derivationCount).toBe(2)
  })

  it('may change: the old ones still read', async () => {
    const before = await encode(plain, codecOf(await ringOf(new PassphraseKeys(14), 'an older one')))
    const rotated = codecOf(await ringOf(new PassphraseKeys(14), 'a newer one', 'an older one'))
    expect(await decode(before, rotated)).toEqual(plain)
  })

  it('that are wrong, or missing, are told from damage', async () => {
    const object = await encode(plain, codecOf(await ringOf(new PassphraseKeys(14), 'correct horse')))
    expect(await complaint(object, codecOf(await ringOf(new PassphraseKeys(14), 'another horse')))).toBe(
      'WrongKey was encrypted with another passphrase ("passphrase") than the 1 at hand; add it to "oldPassphrases"',
    )
    expect(await complaint(object, codecOf(ring))).toBe(
      'WrongKey needs the passphrase "passphrase"; the key ring has "k1"',
    )
    const withKey = await encode(plain)
    expect(await complaint(withKey, codecOf(await ringOf(new PassphraseKeys(14), 'correct horse')))).toBe(
      'WrongKey needs the key "k1"; the key ring has no key and 1 passphrase(s)',
    )
  })

  it('are the same however their letters are composed', async () => {
    const keys = new PassphraseKeys(14)
    const [composed, decomposed] = [
      await keys.derive('p', 'caf\u00e9 au lait'),
      await keys.derive('p', 'cafe\u0301 au lait'),
    ]
    expect(composed.checkValue).toEqual(decomposed.checkValue)
    expect(keys.derivationCount).toBe(1)
  })

  it('go through scrypt with N = 2^17, r = 8, p = 1', async () => {
    const keys = sharedPassphraseKeys()
    const key = await keys.derive('p', 'correct horse')
    expect(key.scrypt?.costLog2).toBe(17)
    const options = { N: 2 ** 17, r: 8, p: 1, maxmem: 1 << 28 }
    const master = scryptSync('correct horse', key.scrypt?.salt ?? '', 32, options)
    expect(key.checkValue).toEqual(deriveWrappingKey('p', master).checkValue)
  })

  it('of many processes do not fill the memory', async () => {
    const keys = new PassphraseKeys(14)
    const salt = (n: number) => ({ costLog2: 1, salt: Buffer.alloc(16, n) })
    for (let n = 0; n < 256; n++) await keys.derive('p', 'correct horse', salt(n))
    await keys.derive('p', 'correct horse', salt(0))
    expect(keys.derivationCount).toBe(256)
    await keys.derive('p', 'correct horse', { costLog2: 2, salt: Buffer.alloc(16) })
    await keys.derive('p', 'correct horse', salt(0))
    expect(keys.derivationCount).toBe(258)
  })
})
