import js from '@eslint/js'
import tseslint from 'typescript-eslint'

/**
 * For the templates alone, which are not a part of the project and find each other only in a package made of them: the rules
 * that need no types. The end-to-end tests compile such packages.
 */
export default tseslint.config(js.configs.recommended, {
  files: ['**/*.ts'],
  extends: [...tseslint.configs.strict, ...tseslint.configs.stylistic],
  languageOptions: { parserOptions: { tsconfigRootDir: import.meta.dirname } },
})
