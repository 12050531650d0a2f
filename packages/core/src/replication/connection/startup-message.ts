const PROTOCOL_3_0 = 0x0003_0000
const SSL_REQUEST = 80_877_103

/** The StartupMessage with these parameters; undefined ones are left out. Values must not hold NUL. */
export function startupMessage(parameters: Readonly<Record<string, string | undefined>>): Buffer {
  const text = Object.entries(parameters)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .map(([name, value]) => `${name}\0${value}\0`)
    .join('')
  const body = Buffer.from(`${text}\0`, 'utf8')
  const head = Buffer.alloc(8)
  head.writeInt32BE(head.length + body.length, 0)
  head.writeInt32BE(PROTOCOL_3_0, 4)
  return Buffer.concat([head, body])
}

/** Asks whether the server speaks TLS; it answers with one byte, `S` or `N`. */
export function sslRequest(): Buffer {
  const message = Buffer.alloc(8)
  message.writeInt32BE(message.length, 0)
  message.writeInt32BE(SSL_REQUEST, 4)
  return message
}
