import { createHash } from 'node:crypto'
import { CodecError } from '@walr/core/plugin'

/**
 * The header of an encrypted object: the binding, which belongs to the body for ever, and the key slot, which can be
 * written anew for another key without touching the body. docs/archive-format/encryption.md specifies it byte by byte.
 */

/** What each object begins with. */
export const MAGIC = 'WALRAES'
/** The version of the format, the byte behind {@link MAGIC}. */
export const FORMAT_VERSION = 1
/** Magic, version, size of chunks, body id and digest of the object key. */
export const BINDING_LENGTH = 57
/** The binding and the length of the header: what must be read to know how much more to read. */
export const HEADER_START_LENGTH = BINDING_LENGTH + 2
export const BODY_ID_LENGTH = 16
export const CHECK_VALUE_LENGTH = 8
export const SALT_LENGTH = 16
export const WRAP_NONCE_LENGTH = 12
/** The data key's 32 bytes, encrypted, and their tag. */
export const WRAPPED_KEY_LENGTH = 48
/** Chunk sizes that are written and accepted, as powers of two: 4 KiB to 4 MiB. */
export const CHUNK_SIZE_LOG2 = { min: 12, max: 22 } as const
/** scrypt's cost that is accepted, as a power of two. A header must not be able to ask for any amount of memory. */
export const SCRYPT_COST_LOG2 = { min: 14, max: 18 } as const

const CHECKSUM_LENGTH = 8
const BODY_ID_AT = 9
const DIGEST_AT = BODY_ID_AT + BODY_ID_LENGTH
const SLOT_TAIL_LENGTH = WRAP_NONCE_LENGTH + WRAPPED_KEY_LENGTH + CHECKSUM_LENGTH
/** The shortest header has a key id of one byte and no salt, the longest one a key id of 64 bytes and a salt. */
const HEADER_LENGTH = {
  min: HEADER_START_LENGTH + 2 + 1 + CHECK_VALUE_LENGTH + SLOT_TAIL_LENGTH,
  max: HEADER_START_LENGTH + 2 + 64 + CHECK_VALUE_LENGTH + 1 + SALT_LENGTH + SLOT_TAIL_LENGTH,
} as const
const keyKinds = { ring: 0, passphrase: 1 } as const

/** How a wrapping key was made from a passphrase; r is 8 and p is 1. */
export interface ScryptParameters {
  readonly costLog2: number
  readonly salt: Uint8Array
}

/** Which key has wrapped the data key. */
export interface KeySlot {
  /** 1 to 64 of `A-Z a-z 0-9 . _ -`. */
  readonly keyId: string
  /** Proves that a key is the right one, and tells nothing else of it. */
  readonly checkValue: Uint8Array
  /** Undefined for a key of a key ring. */
  readonly scrypt: ScryptParameters | undefined
}

/** What the binding says. */
export interface Binding {
  /** In bytes, a power of two. */
  readonly chunkSize: number
  /** Random, of this body only. */
  readonly bodyId: Uint8Array
  /** SHA-256 of the object key. */
  readonly objectKeyDigest: Uint8Array
}

/** A header as read. All parts are views of its bytes. */
export interface Header extends Binding {
  readonly binding: Uint8Array
  readonly slot: KeySlot
  /** Everything before the nonce: the additional data with which the data key was wrapped. */
  readonly wrapData: Uint8Array
  readonly wrapNonce: Uint8Array
  readonly wrappedKey: Uint8Array
}

/** The digest that binds an object to its key. */
export function digestObjectKey(objectKey: string): Buffer {
  return createHash('sha256').update(objectKey, 'utf8').digest()
}

export function encodeBinding({ chunkSize, bodyId, objectKeyDigest }: Binding): Buffer {
  const start = Buffer.from([...Buffer.from(MAGIC, 'latin1'), FORMAT_VERSION, Math.log2(chunkSize)])
  return Buffer.concat([start, bodyId, objectKeyDigest])
}

/** The header up to the nonce: what the wrapping binds. */
export function encodeWrapData(binding: Uint8Array, { keyId, checkValue, scrypt }: KeySlot): Buffer {
  const id = Buffer.from(keyId, 'utf8')
  const kind = scrypt === undefined ? keyKinds.ring : keyKinds.passphrase
  const derivation = scrypt === undefined ? [] : [Buffer.from([scrypt.costLog2]), scrypt.salt]
  const fields = Buffer.concat([Buffer.from([kind, id.length]), id, checkValue, ...derivation])
  const length = Buffer.alloc(2)
  length.writeUInt16BE(HEADER_START_LENGTH + fields.length + SLOT_TAIL_LENGTH)
  return Buffer.concat([binding, length, fields])
}

/** The whole header, with its checksum. */
export function encodeHeader(wrapData: Uint8Array, wrapNonce: Uint8Array, wrappedKey: Uint8Array): Buffer {
  const bytes = Buffer.concat([wrapData, wrapNonce, wrappedKey])
  return Buffer.concat([bytes, checksumOf(bytes)])
}

/**
 * The length that a header says it has.
 * @param start its first {@link HEADER_START_LENGTH} bytes.
 * @throws CodecError Corrupt when this is another format, another version, or no possible length.
 */
export function headerLength(start: Uint8Array): number {
  const bytes = viewOf(start)
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    const text = `does not begin with "${MAGIC}": it was not encrypted by this codec, or its first bytes are damaged`
    throw new CodecError('Corrupt', text)
  }
  const version = bytes.readUInt8(MAGIC.length)
  if (version !== FORMAT_VERSION) {
    const text = `has version ${version} of the format; this codec reads version ${FORMAT_VERSION}. Update the plugin`
    throw new CodecError('Corrupt', text)
  }
  const length = bytes.readUInt16BE(BINDING_LENGTH)
  if (length >= HEADER_LENGTH.min && length <= HEADER_LENGTH.max) return length
  throw damaged(`its length is ${length}, not ${HEADER_LENGTH.min} to ${HEADER_LENGTH.max}`)
}

/**
 * Reads a header.
 * @param header all its bytes, as many as {@link headerLength} says; they must not change as long as the result is
 *   used.
 * @throws CodecError Corrupt when the checksum or a field is wrong.
 */
export function parseHeader(header: Uint8Array): Header {
  const bytes = viewOf(header)
  const end = bytes.length - CHECKSUM_LENGTH
  if (!checksumOf(bytes.subarray(0, end)).equals(bytes.subarray(end))) throw damaged('its checksum is wrong')
  const chunkSizeLog2 = bytes.readUInt8(MAGIC.length + 1)
  if (chunkSizeLog2 < CHUNK_SIZE_LOG2.min || chunkSizeLog2 > CHUNK_SIZE_LOG2.max) {
    throw damaged(`chunks of 2^${chunkSizeLog2} bytes`)
  }
  const wrapDataLength = bytes.length - SLOT_TAIL_LENGTH
  const keyAt = wrapDataLength + WRAP_NONCE_LENGTH
  return {
    chunkSize: 2 ** chunkSizeLog2,
    bodyId: bytes.subarray(BODY_ID_AT, DIGEST_AT),
    objectKeyDigest: bytes.subarray(DIGEST_AT, BINDING_LENGTH),
    binding: bytes.subarray(0, BINDING_LENGTH),
    slot: parseSlot(bytes.subarray(HEADER_START_LENGTH, wrapDataLength)),
    wrapData: bytes.subarray(0, wrapDataLength),
    wrapNonce: bytes.subarray(wrapDataLength, keyAt),
    wrappedKey: bytes.subarray(keyAt, keyAt + WRAPPED_KEY_LENGTH),
  }
}

function parseSlot(fields: Buffer): KeySlot {
  const kind = fields.readUInt8(0)
  if (kind !== keyKinds.ring && kind !== keyKinds.passphrase) throw damaged(`a key of kind ${kind}`)
  const idEnd = 2 + fields.readUInt8(1)
  const derivationAt = idEnd + CHECK_VALUE_LENGTH
  const expected = derivationAt + (kind === keyKinds.passphrase ? 1 + SALT_LENGTH : 0)
  const keyId = fields.toString('latin1', 2, idEnd)
  if (fields.length !== expected || !/^[A-Za-z0-9._-]{1,64}$/.test(keyId)) throw damaged('its key id does not fit')
  const checkValue = fields.subarray(idEnd, derivationAt)
  if (kind === keyKinds.ring) return { keyId, checkValue, scrypt: undefined }
  const costLog2 = fields.readUInt8(derivationAt)
  if (costLog2 < SCRYPT_COST_LOG2.min || costLog2 > SCRYPT_COST_LOG2.max) throw damaged(`a cost of 2^${costLog2}`)
  return { keyId, checkValue, scrypt: { costLog2, salt: fields.subarray(derivationAt + 1) } }
}

/** Not a proof against anybody who forges: it tells damage from a key that is missing. */
function checksumOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest().subarray(0, CHECKSUM_LENGTH)
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function damaged(why: string): CodecError {
  return new CodecError('Corrupt', `has a damaged header: ${why}`)
}
