/** Where to listen for HTTP. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

const UNIX = 'unix:'
const tcpPattern = /^(?:\[([\da-fA-F:.]+(?:%[\w.-]+)?)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/

/**
 * Reads `127.0.0.1:7070`, `[::1]:7070`, `localhost:7070`, `unix:/run/walr.sock`.
 * @returns undefined for anything else.
 */
export function parseListenAddress(text: string): ListenAddress | undefined {
  if (text.startsWith(UNIX)) {
    const path = text.slice(UNIX.length)
    // sun_path of Linux has 108 bytes; Node would cut a longer one.
    return path.startsWith('/') && Buffer.byteLength(path) < 108 && !path.includes('\0')
      ? { kind: 'unix', path }
      : undefined
  }
  const [, bracketed, name, digits = ''] = tcpPattern.exec(text) ?? []
  const host = bracketed ?? name
  const port = Number(digits)
  return host === undefined || port > 65_535 ? undefined : { kind: 'tcp', host, port }
}

/** Whether only programs of this machine can connect there. A name other than `localhost` may be anything. */
export function isLocalAddress(address: ListenAddress): boolean {
  if (address.kind === 'unix') return true
  return /^(?:localhost|127(?:\.\d{1,3}){3}|::1|(?:::ffff:)127(?:\.\d{1,3}){3})$/i.test(address.host)
}
