/** `@walr/plugin-kit/options`: what a plugin needs to check its options. Cheap to import. */
export { checkOptions, type OptionRelations } from './check-options.ts'
export { keyPrefix } from './key-prefix.ts'
export { boolean, httpUrl, integer, oneOf, size, text } from './option-types.ts'
