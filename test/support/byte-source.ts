import type { ByteSource } from '@walr/core/plugin'

/** A source that gives its bytes in chunks of 64 KiB. `size` is what it says of itself. */
export function chunkedSource(content: Buffer, size: number | undefined = content.length): ByteSource {
  return {
    size,
    async *open() {
      for (let at = 0; at < content.length; at += 65_536) {
        await Promise.resolve()
        yield content.subarray(at, at + 65_536)
      }
    },
  }
}
