// Loaded into npm before npm itself: ends it, with all that it has started, when walr is gone.
import { Socket } from 'node:net'

/** A pipe that nobody writes to; its other end is walr's. */
const WALR_PIPE = 3

const pipe = new Socket({ fd: WALR_PIPE, readable: true, writable: false })
pipe.on('error', end)
pipe.on('end', end)
pipe.resume()
pipe.unref()

function end(): void {
  process.kill(-process.pid, 'SIGKILL') // npm leads a process group of its own
}
