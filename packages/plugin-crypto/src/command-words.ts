/** What a shell would give a meaning to. None runs here. */
const SHELL_CHARACTERS = /['"\\|&;<>()$`*?\n]/

/**
 * The program and its arguments: a list as it is, or a text that is split at blanks. A text with quotes or anything
 * else that only a shell understands is refused, so that nobody believes that one reads it.
 * @returns the words, or what is wrong. The text itself, which may hold a secret, is not in it.
 */
export function commandWords(value: unknown): readonly string[] | string {
  if (typeof value === 'string') {
    if (SHELL_CHARACTERS.test(value)) {
      return 'has characters that only a shell understands; none runs here: give a list of strings, or a script'
    }
    return checked(value.split(/\s+/).filter((word) => word !== ''))
  }
  return Array.isArray(value) ? checked(value) : 'expected a list of strings (program and arguments), or a string'
}

function checked(words: readonly unknown[]): readonly string[] | string {
  if (words.length === 0 || words[0] === '') return 'names no program'
  const texts = words.filter((word) => typeof word === 'string')
  if (texts.length !== words.length) return 'expected strings only'
  return texts.some((word) => word.includes('\0')) ? 'has a zero byte' : texts
}
