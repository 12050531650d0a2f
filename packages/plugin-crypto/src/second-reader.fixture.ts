import { createDecipheriv, createHash, hkdfSync, scryptSync } from 'node:crypto'

/** How a master key is found: by the check value of the header, for keys; by N and salt, for a passphrase. */
export type Secret = { readonly masterKey: Uint8Array } | { readonly passphrase: string }

/**
 * A second reader of encrypted objects, written from docs/archive-format/encryption.md and without any of the plugin's
 * own code: when both agree, the page and the code do. It takes a whole object and throws at the first thing that is
 * wrong.
 */
export function readObject(object: Buffer, objectKey: string, secret: Secret): Buffer {
  demand(object.toString('latin1', 0, 7) === 'WALRAES' && object[7] === 1, 'format')
  const header = object.subarray(0, object.readUInt16BE(57))
  demand(sha256(header.subarray(0, -8)).subarray(0, 8).equals(header.subarray(-8)), 'checksum')
  demand(sha256(Buffer.from(objectKey)).equals(header.subarray(25, 57)), 'object key')
  const idEnd = 61 + header.readUInt8(60)
  const master = masterOf(secret, header, idEnd + 8)
  demand(derive(master, 'check', 8).equals(header.subarray(idEnd, idEnd + 8)), 'check value')
  const wrapped = header.subarray(-56, -8)
  const dataKey = open(derive(master, 'wrap', 32), header.subarray(-68, -56), header.subarray(0, -68), wrapped)

  const chunkSize = 1 << header.readUInt8(8)
  const chunks: Buffer[] = []
  for (let at = header.length; ;) {
    const head = object.subarray(at, at + 12)
    demand(head.subarray(0, 4).equals(header.subarray(9, 13)), 'mark')
    demand(head.readUInt32BE(4) === chunks.length, 'chunk number')
    const isLast = (head.readUInt8(8) & 0x80) !== 0
    const length = head.readUInt32BE(8) % 0x8000_0000
    const nonce = Buffer.concat([Buffer.alloc(7), head.subarray(4, 8), Buffer.of(isLast ? 1 : 0)])
    const end = at + 12 + length + 16
    demand(end <= object.length, 'end of the object')
    chunks.push(open(dataKey, nonce, Buffer.concat([header.subarray(0, 57), head]), object.subarray(at + 12, end)))
    demand(isLast ? length > 0 || chunks.length === 1 : length === chunkSize, 'length of a chunk')
    demand(length <= chunkSize, 'size of chunks')
    at = end
    if (!isLast) continue
    demand(at === object.length, 'trailing bytes')
    return Buffer.concat(chunks)
  }
}

function masterOf(secret: Secret, header: Buffer, derivationAt: number): Uint8Array {
  demand(header[59] === ('passphrase' in secret ? 1 : 0), 'kind of the key')
  if ('masterKey' in secret) return secret.masterKey
  const salt = header.subarray(derivationAt + 1, derivationAt + 17)
  const options = { N: 2 ** header.readUInt8(derivationAt), r: 8, p: 1, maxmem: 1 << 29 }
  return scryptSync(secret.passphrase.normalize('NFC'), salt, 32, options)
}

function derive(master: Uint8Array, purpose: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', master, '', `walr aes-256-gcm/1 ${purpose}`, length))
}

function open(key: Uint8Array, nonce: Uint8Array, additional: Uint8Array, sealed: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 })
  decipher.setAAD(additional).setAuthTag(sealed.subarray(-16))
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()])
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(`wrong: ${what}`)
}
