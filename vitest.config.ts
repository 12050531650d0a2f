import { defineConfig } from 'vitest/config'

/** `unit` needs nothing but Node; `e2e` starts real servers and is serial, because the machines it runs on are small. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['packages/*/src/**/*.test.ts'], testTimeout: 20_000 } },
      {
        test: {
          name: 'e2e',
          include: ['test/**/*.test.ts'],
          exclude: ['test/full/**', '**/node_modules/**'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: { name: 'full', include: ['test/full/**/*.test.ts'], testTimeout: 1_800_000, hookTimeout: 120_000, fileParallelism: false },
      },
    ],
  },
})
