import js from '@eslint/js'
import tseslint from 'typescript-eslint'

/** Law 1: a FlushedLsn is made by the segment writer alone; everybody else gets one, never casts to one. */
const noFlushedLsnCast = [
  'error',
  {
    selector: "TSAsExpression[typeAnnotation.typeName.name='FlushedLsn']",
    message: 'Only wal/segment-writer.ts makes a FlushedLsn (law 1: acknowledge only what is durable).',
  },
  {
    selector: "TSTypeAssertion[typeAnnotation.typeName.name='FlushedLsn']",
    message: 'Only wal/segment-writer.ts makes a FlushedLsn (law 1: acknowledge only what is durable).',
  },
]

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '.nx/**', '**/.tsbuild/**', '.dependency-cruiser.cjs'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.check.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-restricted-syntax': noFlushedLsnCast,
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-invalid-void-type': 'off',
    },
  },
  { files: ['packages/core/src/wal/segment-writer.ts'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', module: 'writable', require: 'readonly' } },
  },
)
