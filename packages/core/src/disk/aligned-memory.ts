/** Memory, position and length of what is written past the page cache are multiples of this: no disk asks for more. */
export const DIRECT_ALIGNMENT = 4096
const WASM_PAGE = 65_536

/** Node has it, Node's types do not. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer }
}

/**
 * `length` bytes that begin at a page of memory, as writes past the page cache need it ({@link Disk.openDirect}). Node
 * promises no alignment for its buffers; WebAssembly promises pages. Undefined where there is no WebAssembly, or no room
 * for it, because it reserves much address space (`ulimit -v`).
 */
export function alignedMemory(length: number): Buffer | undefined {
  try {
    const memory = new WebAssembly.Memory({ initial: Math.ceil(length / WASM_PAGE) })
    return Buffer.from(memory.buffer, 0, length)
  } catch {
    // Whoever asks goes on without it, only slower.
    return undefined
  }
}
