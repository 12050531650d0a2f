import { constants, createZstdCompress } from 'node:zlib'
import { definePlugin, type Codec, type WalrPlugin } from '../../plugins/contract/index.ts'
import { ZlibPump } from '../../wal/compression/zlib-pump.ts'
import { decodeZstd } from '../../wal/compression/zstd-decoder.ts'
import { abortableChunks } from '../abortable-chunks.ts'
import { OptionReader } from '../option-reader.ts'
import { withCodecErrors } from './decode-errors.ts'
import { pumpedChunks } from './pumped-chunks.ts'

interface ZstdOptions {
  readonly level: number
}

/** The built-in codec `zstd`: one frame with a checksum of its content, as the `zstd` program reads and writes it. */
export const zstdPlugin: WalrPlugin<ZstdOptions> = definePlugin<ZstdOptions>({
  name: 'zstd',
  apiVersion: 1,
  options: [{ name: 'level', type: 'integer from 1 to 22', summary: 'Higher is smaller and slower.', default: '1' }],
  parseOptions: (input) => {
    const reader = new OptionReader(input)
    const level = reader.integer('level', 1, 22, 1)
    reader.finish()
    return { level }
  },
  createCodec: ({ level }) => Promise.resolve(zstdCodec(level)),
})

function zstdCodec(level: number): Codec {
  return {
    id: 'zstd',
    kind: 'compression',
    suffix: '.zst',
    encode: (plain, { signal }) => {
      const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 }
      const stream = createZstdCompress({ chunkSize: 262_144, params })
      return pumpedChunks(new ZlibPump(stream, (error) => error), plain, signal)
    },
    decode: (coded, { signal }) => withCodecErrors(decodeZstd(abortableChunks(coded, signal), false)),
  }
}
