import type { Socket } from 'node:net'
import { MAX_LINE_BYTES, SIGNS } from './prefetch-protocol.ts'

/**
 * The first line that comes through a socket and is no sign of life; for those `onSign` is called.
 * @returns undefined when the socket ends before, fails, or sends too much.
 */
export function firstLine(
  socket: Socket,
  onSign: (hasProgress: boolean) => void = () => undefined,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = ''
    socket.setEncoding('utf8')
    const settle = (line: string | undefined): void => {
      socket.off('data', onData)
      resolve(line)
    }
    const onData = (chunk: string): void => {
      text += chunk
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = text.slice(0, end)
        text = text.slice(end + 1)
        if (line !== SIGNS.alive && line !== SIGNS.progress) {
          settle(line)
          return
        }
        onSign(line === SIGNS.progress)
      }
      if (text.length > MAX_LINE_BYTES) settle(undefined)
    }
    socket.on('data', onData)
    // Whatever happens to it: nothing more comes.
    socket.on('error', () => settle(undefined))
    socket.once('close', () => settle(undefined))
    socket.once('end', () => settle(undefined))
  })
}
