import { WalrError } from '../../errors/walr-error.ts'
import { nearestName } from '../../plugins/contract/index.ts'

/**
 * For words behind `walr plugins` that make no command of it.
 * @param commandIds as oclif has them: `plugins:install`.
 * @throws WalrError WALR_USAGE when there are any.
 */
export function refuseWords(words: readonly string[], commandIds: readonly string[]): void {
  const [word] = words
  if (word === undefined) return
  const known = commandIds.flatMap((id) => /^plugins:(.+)$/.exec(id)?.slice(1) ?? [])
  const nearest = nearestName(word, known)
  throw new WalrError('WALR_USAGE', `unknown command "plugins ${word}"`, {
    hint: nearest === undefined ? 'Try "walr plugins --help".' : `Did you mean "walr plugins ${nearest}"?`,
  })
}
