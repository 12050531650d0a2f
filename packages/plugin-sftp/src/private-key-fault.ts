/**
 * Says why ssh2 could not open a private key, and what to do: it has one message for several formats that it does not know.
 * @param key its text. Nothing of it is in the result.
 * @param said the message of ssh2.
 */
export function privateKeyFault(key: string, said: string): string {
  if (/-----BEGIN (?:ENCRYPTED )?PRIVATE KEY-----/.test(key)) {
    return 'it is a key in PKCS#8, which walr does not read; "ssh-keygen -p -f FILE" makes an OpenSSH key of a copy of it'
  }
  const cipher = cipherOf(key)
  if (cipher?.includes('poly1305') === true) {
    return `it is encrypted with ${cipher}, which walr does not have; "ssh-keygen -p -Z aes256-ctr -f FILE" changes that`
  }
  return `${said}; check it and "passphrase"`
}

/** The cipher of an OpenSSH key: a string with its length in front follows the magic. */
function cipherOf(key: string): string | undefined {
  const [, body] = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(key) ?? []
  if (body === undefined) return undefined
  const blob = Buffer.from(body, 'base64')
  const start = 'openssh-key-v1\0'.length
  if (blob.length < start + 4) return undefined
  const length = Math.min(blob.readUInt32BE(start), 64)
  return blob.toString('latin1', start + 4, start + 4 + length)
}
