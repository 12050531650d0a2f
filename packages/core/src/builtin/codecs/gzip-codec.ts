import { createGzip } from 'node:zlib'
import { definePlugin, type Codec, type WalrPlugin } from '../../plugins/contract/index.ts'
import { ZlibPump } from '../../wal/compression/zlib-pump.ts'
import { abortableChunks } from '../abortable-chunks.ts'
import { OptionReader } from '../option-reader.ts'
import { withCodecErrors } from './decode-errors.ts'
import { decodeGzipMember } from './gzip-member-decoder.ts'
import { pumpedChunks } from './pumped-chunks.ts'

interface GzipOptions {
  readonly level: number
}

/** The built-in codec `gzip`: one member with neither time nor name, as the `gzip` program reads it. */
export const gzipPlugin: WalrPlugin<GzipOptions> = definePlugin<GzipOptions>({
  name: 'gzip',
  apiVersion: 1,
  options: [{ name: 'level', type: 'integer from 1 to 9', summary: 'Higher is smaller and slower.', default: '6' }],
  parseOptions: (input) => {
    const reader = new OptionReader(input)
    const level = reader.integer('level', 1, 9, 6)
    reader.finish()
    return { level }
  },
  createCodec: ({ level }) => Promise.resolve(gzipCodec(level)),
})

function gzipCodec(level: number): Codec {
  return {
    id: 'gzip',
    kind: 'compression',
    suffix: '.gz',
    encode: (plain, { signal }) => {
      const stream = createGzip({ level, chunkSize: 131_072 })
      return pumpedChunks(new ZlibPump(stream, (error) => error), plain, signal)
    },
    decode: (coded, { signal }) => withCodecErrors(decodeGzipMember(abortableChunks(coded, signal))),
  }
}
