import { ByteQueue } from './byte-queue.ts'
import { CutInput, MalformedInput } from './decode-fault.ts'
import { LZ4_MAGIC, LZ4_STORED, LZ4_WINDOW_BYTES } from './lz4-frame.ts'
import { XxHash32 } from './xxhash32.ts'

/** The flags of a frame's descriptor. */
interface FrameDescriptor {
  readonly linkedBlocks: boolean
  readonly blockChecksums: boolean
  readonly contentChecksum: boolean
  readonly contentBytes: bigint | undefined
  readonly maxBlockBytes: number
}

/**
 * Decodes one LZ4 frame, with linked or independent blocks and whatever checksums it has. At most two blocks and 64 KiB
 * are in memory.
 * @throws CutInput, MalformedInput; what was decoded before has been given.
 */
export async function* decodeLz4(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const queue = new ByteQueue(source)
  try {
    const frame = await readDescriptor(queue)
    const content = new XxHash32()
    let contentBytes = 0n
    let dictionary: Buffer = Buffer.alloc(0)
    for (let size = await readNumber(queue); size !== 0; size = await readNumber(queue)) {
      const plain = await readBlock(queue, frame, size, dictionary)
      if (frame.linkedBlocks) dictionary = tail(dictionary, plain)
      if (frame.contentChecksum) content.update(plain)
      contentBytes += BigInt(plain.length)
      if (plain.length > 0) yield plain
    }
    if (frame.contentChecksum && (await readNumber(queue)) !== content.digest()) {
      throw new MalformedInput('its content checksum is wrong')
    }
    if (frame.contentBytes !== undefined && frame.contentBytes !== contentBytes) {
      throw new MalformedInput(`it says that it holds ${frame.contentBytes} bytes, but ${contentBytes} were found`)
    }
    if (!(await queue.isEmpty())) throw new MalformedInput('bytes follow its end')
  } finally {
    await queue.close()
  }
}

async function readDescriptor(queue: ByteQueue): Promise<FrameDescriptor> {
  if ((await readNumber(queue)) !== LZ4_MAGIC) throw new MalformedInput('it is not an LZ4 frame')
  const fixed = await taken(queue, 2)
  const flags = fixed.readUInt8(0)
  const blockCode = (fixed.readUInt8(1) >> 4) & 7
  if (flags >> 6 !== 1 || (flags & 0b10) !== 0 || blockCode < 4 || (fixed.readUInt8(1) & 0x8f) !== 0) {
    throw new MalformedInput('its frame descriptor is of an unknown version')
  }
  if ((flags & 1) !== 0) throw new MalformedInput('it needs a dictionary')
  const size = (flags & 0b1000) !== 0 ? await taken(queue, 8) : undefined
  const checksum = new XxHash32()
    .update(fixed)
    .update(size ?? Buffer.alloc(0))
    .digest()
  if ((await taken(queue, 1)).readUInt8() !== ((checksum >>> 8) & 0xff)) {
    throw new MalformedInput('the checksum of its frame descriptor is wrong')
  }
  return {
    linkedBlocks: (flags & 0b10_0000) === 0,
    blockChecksums: (flags & 0b1_0000) !== 0,
    contentChecksum: (flags & 0b100) !== 0,
    contentBytes: size?.readBigUInt64LE(),
    maxBlockBytes: 4 ** (blockCode + 4),
  }
}

async function readBlock(queue: ByteQueue, frame: FrameDescriptor, size: number, dictionary: Buffer): Promise<Buffer> {
  const stored = size >= LZ4_STORED
  const length = stored ? size - LZ4_STORED : size
  if (length > frame.maxBlockBytes) throw new MalformedInput(`a block has ${length} bytes`)
  const coded = await taken(queue, length)
  if (frame.blockChecksums && (await readNumber(queue)) !== new XxHash32().update(coded).digest()) {
    throw new MalformedInput('the checksum of a block is wrong')
  }
  return stored ? coded : decodeBlock(coded, frame.maxBlockBytes, dictionary)
}

async function decodeBlock(coded: Buffer, maxBytes: number, dictionary: Buffer): Promise<Buffer> {
  const { uncompress } = await import('lz4-napi')
  // lz4-napi wants the decoded size in front; a frame does not tell it, and an upper bound does as well.
  const prefixed = Buffer.allocUnsafe(4 + coded.length)
  prefixed.writeUInt32LE(maxBytes)
  prefixed.set(coded, 4)
  try {
    return await uncompress(prefixed, dictionary.length > 0 ? dictionary : undefined)
  } catch (cause) {
    throw new MalformedInput('a block does not decode', { cause })
  }
}

function tail(dictionary: Buffer, plain: Buffer): Buffer {
  if (plain.length >= LZ4_WINDOW_BYTES) return plain.subarray(plain.length - LZ4_WINDOW_BYTES)
  return Buffer.concat([dictionary.subarray(Math.max(0, dictionary.length + plain.length - LZ4_WINDOW_BYTES)), plain])
}

async function readNumber(queue: ByteQueue): Promise<number> {
  return (await taken(queue, 4)).readUInt32LE()
}

async function taken(queue: ByteQueue, count: number): Promise<Buffer> {
  const bytes = await queue.take(count)
  if (bytes === undefined) throw new CutInput()
  return bytes
}
