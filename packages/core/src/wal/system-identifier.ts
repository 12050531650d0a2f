declare const systemIdentifierBrand: unique symbol

/** The cluster's unique number, as decimal text: it has 64 bits and would not survive being a JavaScript number. */
export type SystemIdentifier = string & { readonly [systemIdentifierBrand]: true }

/** @returns undefined when `text` is not a decimal number of at most 64 bits. */
export function parseSystemIdentifier(text: string): SystemIdentifier | undefined {
  return /^\d{1,20}$/.test(text) && BigInt(text) <= 0xffff_ffff_ffff_ffffn ? (text as SystemIdentifier) : undefined
}
