import { defineConfig } from 'vitest/config'

/** Tests of plugins, archives, recovery and documents: they wait for servers more than they work, and do not measure time. */
const plugins = [
  'archive',
  'azure',
  'conformance',
  'create',
  'docs',
  'example',
  'gcs',
  'plugins',
  'recovery',
  'restore',
  's3',
  'serve',
  'sftp',
  'wal',
].map((folder) => `test/${folder}/**/*.test.ts`)
/**
 * `unit` needs nothing but Node; the others start real servers. Files of `plugins` run side by side, those of `e2e` and
 * `full` one after the other, because the machines they run on are small and some of them measure time.
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
          name: 'plugins',
          include: plugins,
          globalSetup: 'test/support/global-setup.ts',
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/**/*.test.ts'],
          globalSetup: 'test/support/global-setup.ts',
          exclude: [...plugins, 'test/full/**', '**/node_modules/**'],
          sequence: { groupOrder: 2 },
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
          sequence: { groupOrder: 3 },
          testTimeout: 1_800_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
