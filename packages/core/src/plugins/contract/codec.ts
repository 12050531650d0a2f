/**
 * A codec turns an object's bytes into others and back. Core chains codecs, compression before encryption, and appends
 * each one's suffix to the object's name: what is in the archive says itself how it was made, and stays readable when the
 * configuration changes.
 *
 * Both directions work on streams of any length in bounded memory, cut anywhere. They may run many times at once. What
 * they are given is borrowed until they ask for the next chunk; what they give belongs to the consumer until it does.
 * Errors of the input pass through unchanged. Long work belongs into steps of a few milliseconds or onto another thread.
 */
export interface Codec {
  /** Names the format for ever, such as `zstd` or `aes-256-gcm/1`: another format needs another id and suffix. */
  readonly id: string
  readonly kind: 'compression' | 'encryption'
  /** A dot and 1 to 8 small letters or digits. Two codecs of one configuration never share it. */
  readonly suffix: `.${string}`
  encode(plain: AsyncIterable<Uint8Array>, context: CodecContext): AsyncIterable<Uint8Array>
  /**
   * The inverse. An input that is altered, cut at any byte, or followed by more bytes is a `CodecError` at the latest when
   * the output ends; what was given before is not to be trusted then.
   */
  decode(coded: AsyncIterable<Uint8Array>, context: CodecContext): AsyncIterable<Uint8Array>
}

/** What a codec knows of the object in its hands. */
export interface CodecContext {
  /** The object's key in the archive. Encryption binds it, so that objects cannot be exchanged for one another. */
  readonly objectKey: string
  readonly signal: AbortSignal
}
