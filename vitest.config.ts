import { defineConfig } from 'vitest/config'

/**
 * `unit` needs nothing but Node; `e2e` and `full` start real servers. Those are serial, and after the unit tests, because the
 * machines they run on are small and some of them measure time.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts'],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/**/*.test.ts'],
          globalSetup: 'test/support/global-setup.ts',
          exclude: ['test/full/**', '**/node_modules/**'],
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'full',
          include: ['test/full/**/*.test.ts'],
          globalSetup: 'test/support/global-setup.ts',
          sequence: { groupOrder: 2 },
          testTimeout: 1_800_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
