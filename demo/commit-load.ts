import pg from 'pg'

/** Rows that the server has confirmed, and the ones it was asked to commit but had not answered for when it died. */
export interface CommitRecord {
  readonly acknowledged: ReadonlySet<number>
  readonly lastAcknowledged: number
  readonly unanswered: ReadonlySet<number>
}

/** Clients that insert numbered rows, each in a transaction of its own, until the server is gone. */
export class CommitLoad {
  readonly #acknowledged = new Set<number>()
  readonly #unanswered = new Set<number>()
  #lastAcknowledged = 0
  #failure: Error | undefined
  #nextNumber = 1
  #running: Promise<void>[] = []

  /** @throws when a client stopped for another reason than the loss of the server. */
  get acknowledgedCount(): number {
    if (this.#failure !== undefined) throw this.#failure
    return this.#acknowledged.size
  }

  /** Connects `clients` clients and lets them begin. */
  async begin(target: pg.ClientConfig, clients: number): Promise<void> {
    const connected = await Promise.all(Array.from({ length: clients }, () => connect(target)))
    this.#running = connected.map((client) => this.#insertUntilLost(client))
    for (const running of this.#running)
      running.catch((error: unknown) => {
        this.#failure ??= new Error('a client stopped', { cause: error })
      })
  }

  /** Resolves when all clients have lost the server. */
  async lost(): Promise<CommitRecord> {
    await Promise.all(this.#running)
    return {
      acknowledged: this.#acknowledged,
      lastAcknowledged: this.#lastAcknowledged,
      unanswered: this.#unanswered,
    }
  }

  async #insertUntilLost(client: pg.Client): Promise<void> {
    for (;;) {
      const number = this.#nextNumber++
      this.#unanswered.add(number)
      try {
        await client.query('insert into payment (number, note) values ($1::int, repeat(md5($1::int::text), 8))', [
          number,
        ])
      } catch (error) {
        if (error instanceof pg.DatabaseError && error.code?.startsWith('57P') !== true) throw error
        return // the server is gone: whether this row was committed nobody has been told
      }
      this.#unanswered.delete(number)
      this.#acknowledged.add(number)
      this.#lastAcknowledged = number
    }
  }
}

async function connect(target: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(target)
  client.on('error', () => undefined) // the server will be killed; the query in progress rejects
  await client.connect()
  return client
}
