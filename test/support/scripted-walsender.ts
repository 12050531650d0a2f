import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import {
  authenticationOk,
  backendKeyData,
  commandComplete,
  errorResponse,
  parameterStatus,
  readyForQuery,
  resultRow,
  xlogData,
} from './backend-messages.ts'
import { FrontendMessageReader, type FrontendMessage } from './frontend-messages.ts'
import type { MadeUpWal } from './made-up-wal.ts'
import { waitFor } from './wait-for.ts'
import { WalsenderSession, type Pace } from './walsender-session.ts'

/** More than what is compared. */
const SEAM_BYTES = 32_768n

/** A START_REPLICATION command, taken apart. */
export interface StartReplication {
  readonly slot: string | undefined
  readonly startLsn: bigint
  readonly timelineId: number | undefined
  /** 1 for the first one of all connections, 2 for the second... */
  readonly attempt: number
}

/** What the fake server is and does. */
export interface WalsenderScript {
  /** Gives system identifier, segment size and timeline for the answers to commands. */
  readonly wal: MadeUpWal
  /** What IDENTIFY_SYSTEM reports as the flush position, as long as no more was sent. */
  readonly flushLsn: bigint
  /** As the parameter `server_version`; '15.18' when absent. */
  readonly serverVersion?: string
  /** Existing slots with their restart_lsn (null: never reserved, or lost). READ_REPLICATION_SLOT answers with them. */
  readonly slots?: Readonly<Record<string, bigint | null>>
  /** Answers TIMELINE_HISTORY; the history of `wal` when absent. */
  readonly histories?: Readonly<Record<number, string>>
  /** Bytes that answer a command in place of the usual answer; undefined leaves the usual one. */
  readonly answer?: (sql: string, session: WalsenderSession) => Uint8Array | undefined
  /** Bytes that answer the StartupMessage in place of the usual greeting. */
  readonly greet?: (session: WalsenderSession) => Uint8Array | undefined
  /** Called for each START_REPLICATION at the start of a segment; sends CopyBoth itself, or something else. */
  readonly startReplication: (session: WalsenderSession, request: StartReplication) => Promise<void> | void
  readonly pace?: Pace
}

/**
 * A fake walsender: it speaks the protocol's real bytes over a real TCP socket, but says what a script tells it to, and
 * has no cluster behind it. It is for what a real server does rarely or never; everything else is tested on real ones.
 */
export class ScriptedWalsender implements AsyncDisposable {
  readonly host = '127.0.0.1'
  /** Every connection so far, oldest first. */
  readonly sessions: WalsenderSession[] = []
  /** What scripts threw; a test that expects none looks here. */
  readonly failures: unknown[] = []
  readonly #script: WalsenderScript
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #attempts = 0

  /** Use {@link startScriptedWalsender}. */
  constructor(script: WalsenderScript) {
    this.#script = script
    this.#server = createServer((socket) => this.#accept(socket))
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the scripted walsender does not listen')
    return address.port
  }

  /** Conninfo of a client that wants to come here. */
  get conninfo(): string {
    return `host='${this.host}' port='${this.port}' user='walr' sslmode='disable'`
  }

  async listen(): Promise<void> {
    this.#server.listen(0, this.host)
    await once(this.#server, 'listening')
  }

  /** Resolves to the `count`th connection once it is there. */
  session(count = 1): Promise<WalsenderSession> {
    return waitFor(`connection ${count}`, () => this.sessions[count - 1], { intervalMs: 2 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(socket: Socket): void {
    socket.setNoDelay(true)
    this.#sockets.add(socket)
    const session = new WalsenderSession(socket, this.#script.pace ?? {})
    const reader = new FrontendMessageReader()
    socket.on('data', (bytes) => {
      for (const message of reader.push(bytes)) this.#receive(session, message)
    })
    socket.on('error', () => undefined) // a reset by the client is one way to go; `close` follows
    socket.on('close', () => {
      session.closed = true
      this.#sockets.delete(socket)
    })
  }

  #receive(session: WalsenderSession, message: FrontendMessage): void {
    switch (message.kind) {
      case 'encryption-request':
        this.#run(session.raw(Buffer.from('N')))
        break
      case 'startup':
        for (const [name, value] of message.parameters) session.parameters.set(name, value)
        this.sessions.push(session)
        this.#run(session.raw(this.#script.greet?.(session) ?? this.#greeting()))
        break
      case 'query':
        session.queries.push(message.sql)
        this.#run(this.#execute(session, message.sql))
        break
      case 'status':
        session.statuses.push(message.update)
        break
      case 'copy-done':
        session.copyDoneCount++
        break
      case 'terminate':
        session.terminated = true
        session.end()
        break
      case 'cancel-request':
        session.end()
        break
      case 'other':
        this.failures.push(new Error(`unexpected message ${message.type} of the client`))
    }
  }

  #run(step: Promise<void>): void {
    step.catch((error: unknown) => this.failures.push(error))
  }

  #greeting(): Buffer {
    return Buffer.concat([
      authenticationOk(),
      parameterStatus('server_version', this.#script.serverVersion ?? '15.18'),
      parameterStatus('integer_datetimes', 'on'),
      parameterStatus('server_encoding', 'UTF8'),
      parameterStatus('client_encoding', 'UTF8'),
      backendKeyData(4711, 42),
      readyForQuery(),
    ])
  }

  async #execute(session: WalsenderSession, sql: string): Promise<void> {
    const scripted = this.#script.answer?.(sql, session)
    if (scripted) return session.raw(scripted)
    const start =
      /^START_REPLICATION(?: SLOT "?(\w+)"?)?(?: PHYSICAL)? ([0-9A-F]+)\/([0-9A-F]+)(?: TIMELINE (\d+))?/i.exec(sql)
    if (!start) return session.raw(this.#answer(sql), readyForQuery())
    const [, slot, high = '', low = '', timeline] = start
    const startLsn = (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
    if (startLsn % BigInt(this.#script.wal.walSegmentSize) !== 0n) return this.#answerSeam(session, startLsn)
    await this.#script.startReplication(session, {
      slot,
      startLsn,
      timelineId: timeline === undefined ? undefined : Number(timeline),
      attempt: ++this.#attempts,
    })
  }

  /** A client that compares the end of its WAL with the server's: it takes what it needs, and stops. */
  async #answerSeam(session: WalsenderSession, startLsn: bigint): Promise<void> {
    const before = session.copyDoneCount
    await session.copyBoth()
    await session.raw(xlogData(startLsn, this.#script.wal.read(startLsn, startLsn + SEAM_BYTES)))
    await waitFor('the end of the comparison', () => session.copyDoneCount > before || session.closed)
    session.copyDoneCount = before
    await session.copyDone()
    await session.stopped()
  }

  #flushLsn(): bigint {
    return this.sessions.reduce((lsn, { sentLsn }) => (sentLsn > lsn ? sentLsn : lsn), this.#script.flushLsn)
  }

  #answer(sql: string): Buffer {
    const { wal, slots = {}, histories = {} } = this.#script
    if (/^IDENTIFY_SYSTEM/i.test(sql)) {
      const columns = ['systemid', 'timeline', 'xlogpos', 'dbname']
      return select(
        columns,
        [wal.systemIdentifier, String(wal.timelineId), formatLsn(this.#flushLsn()), null],
        'IDENTIFY_SYSTEM',
      )
    }
    const parameter = /^SHOW "?(\w+)"?/i.exec(sql)?.[1]?.toLowerCase()
    if (parameter === 'wal_segment_size') return select([parameter], [`${wal.walSegmentSize / 1_048_576}MB`], 'SHOW')
    if (parameter === 'data_directory_mode') return select([parameter], ['0700'], 'SHOW')
    const slotName = /^READ_REPLICATION_SLOT "?(\w+)"?/i.exec(sql)?.[1]
    if (slotName !== undefined) {
      const restartLsn = slots[slotName]
      const known = slotName in slots ? 'physical' : null
      const lsn = restartLsn === undefined || restartLsn === null ? null : formatLsn(restartLsn)
      const timeline = lsn === null ? null : String(wal.timelineId)
      return select(['slot_type', 'restart_lsn', 'restart_tli'], [known, lsn, timeline], 'READ_REPLICATION_SLOT')
    }
    const history = /^TIMELINE_HISTORY (\d+)/i.exec(sql)?.[1]
    if (history !== undefined) {
      const name = `${Number(history).toString(16).toUpperCase().padStart(8, '0')}.history`
      const content = histories[Number(history)] ?? wal.history()
      return select(['filename', 'content'], [name, content], 'TIMELINE_HISTORY')
    }
    return errorResponse({ sqlState: '42601', message: `the scripted walsender does not know this command: ${sql}` })
  }
}

/** Starts one on a free port of 127.0.0.1. Connections are cut and the port is closed when it is disposed of. */
export async function startScriptedWalsender(script: WalsenderScript): Promise<ScriptedWalsender> {
  const walsender = new ScriptedWalsender(script)
  await walsender.listen()
  return walsender
}

function select(columns: readonly string[], values: readonly (string | null)[], tag: string): Buffer {
  return Buffer.concat([resultRow(columns, values), commandComplete(tag)])
}

function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase()
}
