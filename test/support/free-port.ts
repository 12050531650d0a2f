import { once } from 'node:events'
import { createServer } from 'node:net'

const FIRST = 15_000
const COUNT = 17_000

/**
 * A TCP port of 127.0.0.1 on which nobody listens. It lies below the range from which the system takes ports for outgoing
 * connections, so that nothing takes it while the server it was chosen for is down between two starts.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT)
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return true
  } catch {
    return false // taken, or not allowed to us: the next number will do
  } finally {
    server.close()
  }
}
