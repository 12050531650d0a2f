import { isDeepStrictEqual } from 'node:util'
import { WalrError } from '../../errors/walr-error.ts'
import type { ConfigSection } from '../config-tree.ts'
import { readTree, type ConfigTextFormat } from './config-document.ts'
import { spliced, type Splice } from './text-lines.ts'
import { UneditableText } from './uneditable-text.ts'

/** What a configuration has to mean after an edit. */
export interface ExpectedMeaning {
  readonly format: ConfigTextFormat
  readonly tree: ConfigSection
}

/** The first of several ways to change a text that makes it mean what it has to; undefined when none does. */
export function firstProven(
  text: string,
  ways: readonly (readonly Splice[])[],
  { format, tree }: ExpectedMeaning,
): string | undefined {
  return ways.map((way) => spliced(text, way)).find((changed) => means(changed, format, tree))
}

function means(text: string, format: ConfigTextFormat, tree: ConfigSection): boolean {
  try {
    return isDeepStrictEqual(readTree(text, format), tree)
  } catch (error) {
    if (error instanceof UneditableText) return false
    throw error
  }
}

/** Runs an edit; what it cannot do becomes an error that says what to do by hand. */
export function editing(byHand: string, edit: () => string): string {
  try {
    return edit()
  } catch (error) {
    if (!(error instanceof UneditableText)) throw error
    throw new WalrError('WALR_CONFIG', `the configuration cannot be edited safely, since ${error.message}`, {
      detail: byHand,
      hint: 'Edit it by hand. Nothing was changed.',
    })
  }
}
