import { listenForStopSignals } from '../stop-signals.ts'
import { runPrefetcher } from './prefetcher-run.ts'
import { START_VARIABLE, type PrefetcherStart } from './prefetcher-start.ts'

// The process that restore-command leaves behind. Its working directory is PostgreSQL's data directory.
process.umask(0o077)
process.title = 'walr prefetch'
const text = process.env[START_VARIABLE] ?? ''
// eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- not for the processes that plugins may start
delete process.env[START_VARIABLE]
const { signal } = listenForStopSignals()
try {
  await runPrefetcher(JSON.parse(text) as PrefetcherStart, { signal, environment: process.env })
} finally {
  // Whatever a plugin still waits for.
  process.exit()
}
