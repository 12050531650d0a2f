/** The input of a decoder is not what its format allows; the message is the part of a sentence after a colon. */
export class MalformedInput extends Error {}

/** The input of a decoder ends before its format does. */
export class CutInput extends MalformedInput {
  constructor(options?: ErrorOptions) {
    super('it ends too early', options)
  }
}

/** What an error of node:zlib says about its input. */
export function decodeFault(cause: Error): MalformedInput {
  if ('code' in cause && cause.code === 'Z_BUF_ERROR') return new CutInput({ cause })
  return new MalformedInput(cause.message, { cause })
}
