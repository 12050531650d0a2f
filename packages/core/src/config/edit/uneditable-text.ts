/** Why a configuration cannot be edited, in words that go behind "since"; it does not leave this folder. */
export class UneditableText extends Error {
  override readonly name = 'UneditableText'
}
