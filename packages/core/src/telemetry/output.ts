import type { Writable } from 'node:stream'

/**
 * Makes a stream safe to write messages to: whatever happens to it (its reader went away, its disk is full), the program
 * goes on without messages. Returns the function to write with.
 */
export function messageOutput(stream: Writable): (text: string) => void {
  if (!guarded.has(stream)) {
    guarded.add(stream)
    stream.on('error', ignore)
  }
  return (text) => {
    if (stream.writable) stream.write(text)
  }
}

const guarded = new WeakSet<Writable>()

/** There is nowhere left to report it to. */
function ignore(): void {
  return undefined
}
