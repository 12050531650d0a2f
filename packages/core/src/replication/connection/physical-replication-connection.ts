import { serialize } from 'pg-protocol'
import { isWalrError, WalrError } from '../../errors/walr-error.ts'
import { CopyDataWriter } from './copy-data-writer.ts'
import type { CopySink, EndOfStream, ReplicationConnection, StartReplication } from './replication-connection.ts'
import { runSimpleQuery } from './simple-query.ts'
import { runStartReplication } from './start-replication.ts'
import type { ServerSession } from './server-session.ts'

/** What is known about the server after the login. */
export interface ServerIdentity {
  readonly serverVersion: string
  readonly serverVersionNumber: number
  /** `host "db" (10.0.0.7), port 5432` */
  readonly peer: string
}

/** A physical replication connection over a session that is logged in. */
export class PhysicalReplicationConnection implements ReplicationConnection {
  readonly serverVersion: string
  readonly serverVersionNumber: number
  readonly peer: string
  readonly #session: ServerSession
  readonly #copyData: CopyDataWriter
  #busy: string | undefined
  #streaming = false
  #closed: Promise<void> | undefined

  constructor(session: ServerSession, identity: ServerIdentity) {
    this.serverVersion = identity.serverVersion
    this.serverVersionNumber = identity.serverVersionNumber
    this.peer = identity.peer
    this.#session = session
    this.#copyData = new CopyDataWriter(session)
  }

  query(sql: string): Promise<readonly (readonly (string | null)[])[]> {
    return this.#exclusively(sql, () => runSimpleQuery(this.#session, sql))
  }

  startReplication(request: StartReplication, sink: CopySink): Promise<EndOfStream> {
    return this.#exclusively('START_REPLICATION', () =>
      runStartReplication(this.#session, request, {
        sink,
        onStreaming: () => (this.#streaming = true),
        onServerDone: () => this.sendCopyDone(),
        onEnd: () => (this.#streaming = false),
      }),
    )
  }

  sendCopyData(payload: Uint8Array): void {
    if (this.#streaming) this.#copyData.write(payload)
  }

  sendCopyDone(): void {
    if (!this.#streaming) return
    this.#streaming = false
    this.#session.discardStream()
    this.#session.send(serialize.copyDone())
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#session.close(serialize.end()))
  }

  async #exclusively<T>(command: string, run: () => Promise<T>): Promise<T> {
    if (this.#busy !== undefined) {
      throw new WalrError('WALR_INTERNAL', `replication command ${command} given while ${this.#busy} is running`)
    }
    this.#busy = command
    try {
      return await run()
    } catch (error) {
      // Where the next answer begins is not known any more.
      if (isWalrError(error, 'WALR_PROTOCOL')) this.#session.destroy(error)
      throw error
    } finally {
      this.#busy = undefined
    }
  }
}
