import { resolveConnectionSettings } from '../../packages/core/src/config/libpq/resolve-connection-settings.ts'
import { connectReplication } from '../../packages/core/src/replication/connection/connect-replication.ts'
import type { ReplicationConnection } from '../../packages/core/src/replication/connection/replication-connection.ts'
import type { Logger } from '../../packages/core/src/telemetry/logger.ts'

/** How a test connects. */
export interface ConnectForTest {
  readonly environment?: NodeJS.ProcessEnv
  readonly prompt?: 'never' | 'when-asked' | 'always'
  readonly signal?: AbortSignal
  readonly askPassword?: (prompt: string) => Promise<string>
  readonly onPassword?: (password: string) => void
  /** Gets every line that would be logged. */
  readonly log?: string[]
}

/** Connects as `walr receive` does, from a conninfo string or URI, with nothing of this machine's environment. */
export async function connectForTest(
  connectionString: string,
  { environment = {}, prompt = 'never', signal, askPassword, onPassword, log = [] }: ConnectForTest = {},
): Promise<ReplicationConnection & AsyncDisposable> {
  const logger = recordingLogger(log)
  const settings = await resolveConnectionSettings({
    options: { connectionString, prompt },
    environment: { HOME: '/nonexistent', ...environment },
    fallbackApplicationName: 'walr-test',
    logger,
  })
  const connection = await connectReplication(settings, {
    logger,
    signal: signal ?? new AbortController().signal,
    askPassword: askPassword ?? (() => Promise.reject(new Error('nobody is to be asked'))),
    onPassword,
  })
  return Object.assign(connection, { [Symbol.asyncDispose]: () => connection.close() })
}

/** What a connection attempt fails with. */
export async function failureOf(connectionString: string, options?: ConnectForTest): Promise<unknown> {
  try {
    await (await connectForTest(connectionString, options)).close()
  } catch (error) {
    return error
  }
  return 'connected'
}

function recordingLogger(lines: string[]): Logger {
  const record =
    (level: string) =>
    (message: string): void => {
      lines.push(`${level}: ${message}`)
    }
  return {
    error: record('error'),
    warning: record('warning'),
    notice: record('notice'),
    info: record('info'),
    debug: record('debug'),
  }
}
