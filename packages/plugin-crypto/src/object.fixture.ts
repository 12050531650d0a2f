import { CodecError, type Codec, type CodecContext, type HookContext } from '@walr/core/plugin'
import { createCryptoCodec } from './crypto-codec.ts'
import { Keyring } from './keyring.ts'
import { PassphraseKeys } from './passphrase-keys.ts'
import { deriveWrappingKey } from './wrapping-key.ts'

/** The smallest chunk, so that small objects have many. */
export const CHUNK = 4096
export const OBJECT_KEY = 'main/7301234567890123456/wal/00000001/000000010000000000000042.zst.aes'
/** A frame of a full chunk. */
export const FRAME = 12 + CHUNK + 16

/** 32 bytes: `first`, `first + 1`, ... */
export function keyBytes(first: number): Buffer {
  return Buffer.from(Array.from({ length: 32 }, (_, index) => (first + index) & 0xff))
}

/** Bytes that look random and are the same each time. */
export function sampleBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0, state = seed; at < length; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[at] = state >>> 16
  }
  return bytes
}

/** A key ring of ids and keys; the first one is the current one. */
export function ringOf(...keys: readonly (readonly [id: string, bytes: Uint8Array])[]): Keyring {
  const wrapping = keys.map(([id, bytes]) => deriveWrappingKey(id, bytes))
  const [current] = wrapping
  if (!current) throw new Error('a key ring needs a key')
  return new Keyring({ current, keys: wrapping, passphrases: [], passphraseKeys: new PassphraseKeys(14) })
}

export const ring: Keyring = ringOf(['k1', keyBytes(0)])

/** A codec with small chunks. */
export function codecOf(keyring: Keyring = ring, random?: (length: number) => Uint8Array): Codec {
  return createCryptoCodec({ keyring, chunkSize: CHUNK, ...(random && { random }) })
}

export function contextOf(objectKey: string = OBJECT_KEY, signal = new AbortController().signal): CodecContext {
  return { objectKey, signal }
}

export async function encode(plain: Uint8Array, codec = codecOf(), objectKey = OBJECT_KEY): Promise<Buffer> {
  return collect(codec.encode(pieces(plain), contextOf(objectKey)))
}

export async function decode(coded: Uint8Array, codec = codecOf(), objectKey = OBJECT_KEY): Promise<Buffer> {
  return collect(codec.decode(pieces(coded), contextOf(objectKey)))
}

/** What decoding says about an object, which must be a CodecError: `CODE message`, without the name of the object. */
export async function complaint(coded: Uint8Array, codec = codecOf(), objectKey = OBJECT_KEY): Promise<string> {
  try {
    await decode(coded, codec, objectKey)
  } catch (error) {
    if (!(error instanceof CodecError)) throw error
    return `${error.code} ${error.message.replace(`object "${objectKey}" `, '')}`
  }
  return 'nothing'
}

/** A stream of pieces of that many bytes. */
// eslint-disable-next-line @typescript-eslint/require-await -- a codec wants an asynchronous source
export async function* pieces(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** All bytes of a stream, copied before the next piece is asked for. */
export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const piece of stream) parts.push(Buffer.from(piece))
  return Buffer.concat(parts)
}

/** The header of an encoded object, and its frames, all but the last of a full chunk. */
export function dissect(coded: Buffer): { readonly header: Buffer; readonly frames: readonly Buffer[] } {
  const headerLength = coded.readUInt16BE(57)
  const frames: Buffer[] = []
  for (let at = headerLength; at < coded.length; at += FRAME) frames.push(coded.subarray(at, at + FRAME))
  return { header: coded.subarray(0, headerLength), frames }
}

/** A hook context that keeps the warnings. */
export function hookContext(baseDirectory: string): HookContext & { readonly warnings: string[] } {
  const warnings: string[] = []
  const ignore = (): void => undefined
  return {
    log: { error: ignore, warning: (message) => warnings.push(message), info: ignore, debug: ignore },
    signal: new AbortController().signal,
    now: () => new Date(0),
    baseDirectory,
    warnings,
  }
}
