/**
 * The arrows of the layout, low to high. A folder sees the folders of lower layers, and of its own layer only itself.
 * docs/walkthrough.md draws the same picture.
 */
const src = '^packages/core/src/'
const seen = (from, pathNot) => ({
  name: `${from.replace(/[^a-z]/g, '-')}-sees-only-lower-layers`,
  severity: 'error',
  from: { path: `${src}${from}/`, pathNot: '\\.test\\.ts$' },
  to: { path: src, pathNot: pathNot.map((folder) => `${src}${folder}/`) },
})
/** Pure WAL maths; everything else in wal/ is the life cycle of segments. */
const pureWal =
  'wal/(lsn|timeline-id|timeline-history|wal-segment-size|wal-file-name|page-header|record|system-identifier)(\\.test|\\.fixture)?\\.ts$'

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'only-disk-touches-fs',
      severity: 'error',
      from: { path: src, pathNot: '/src/(disk|config|plugins/(loader|installer|creator))/|\\.(test|fixture)\\.ts$' },
      to: { path: '^(node:)?fs(/promises)?$' },
    },
    {
      name: 'only-replication-touches-the-network',
      severity: 'error',
      // A Socket is also what reads a pipe without a thread: the guard's.
      // The prefetcher's is a Unix socket in the data directory.
      from: {
        path: src,
        pathNot: '/src/replication/|/src/restore/prefetch/|/installer/npm-guard\\.ts$|\\.test\\.ts$',
      },
      to: { path: '^(node:)?(net|tls)$' },
    },
    {
      name: 'archive-does-not-see-replication',
      severity: 'error',
      from: { path: '/src/archive/' },
      to: { path: '/src/replication/' },
    },
    {
      name: 'pure-wal-is-pure',
      severity: 'error',
      from: { path: `${src}${pureWal}`, pathNot: '\\.test\\.ts$' },
      to: { pathNot: [`${src}${pureWal}`, `${src}errors/`] },
    },
    seen('errors', ['errors']),
    seen('plugins/contract', ['plugins/contract']),
    seen('disk', ['disk', 'errors']),
    seen('telemetry', ['telemetry', 'errors']),
    seen('config', ['config', 'plugins/contract', 'errors', 'telemetry']),
    seen('wal', ['wal', 'errors', 'disk', 'telemetry']),
    seen('replication', ['replication', 'wal', 'errors', 'disk', 'telemetry', 'config']),
    seen('codec', ['codec', 'plugins/contract', 'errors', 'telemetry']),
    seen('plugins/loader', ['plugins/loader', 'plugins/contract', 'builtin', 'config', 'errors', 'telemetry']),
    seen('plugins/installer', [
      'plugins/installer',
      'plugins/loader',
      'plugins/contract',
      'disk',
      'errors',
      'telemetry',
    ]),
    seen('plugins/creator', ['plugins/creator', 'plugins/contract', 'builtin', 'errors']),
    seen('builtin', ['builtin', 'plugins/contract', 'wal/compression', 'errors', 'disk']),
    seen('archive', ['archive', 'codec', 'plugins/contract', 'wal', 'errors', 'disk', 'telemetry']),
    seen('restore', [
      'restore',
      'archive',
      'codec',
      'plugins/contract',
      'wal',
      'errors',
      'disk',
      'telemetry',
      'config',
    ]),
    seen('http', ['http', 'restore', 'wal', 'errors', 'disk', 'telemetry', 'config']),
    {
      name: 'only-http-sees-the-web-framework',
      severity: 'error',
      from: { path: src, pathNot: '/src/http/' },
      to: { path: 'node_modules/@?fastify' },
    },
    seen('app', [
      'app',
      'archive',
      'builtin',
      'codec',
      'config',
      'disk',
      'errors',
      'http',
      'plugins',
      'replication',
      'restore',
      'telemetry',
      'wal',
    ]),
    seen('commands', ['commands', 'app', 'errors', 'telemetry', 'config']),
    {
      name: 'plugins-see-only-the-contract',
      severity: 'error',
      from: { path: '^(packages/plugin-[^/]+|examples/[^/]+)/src/' },
      to: { path: '^packages/core/(src|dist)/', pathNot: '/(src|dist)/plugins/contract/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules|/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.check.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'default'] },
  },
}
