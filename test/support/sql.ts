import pg from 'pg'

/** A row as `pg` gives it: numbers of 64 bits are text. */
export type Row = Readonly<Record<string, unknown>>

/** Where {@link queryRows} connects. */
export interface SqlTarget {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password?: string
}

/** Connects, runs `sql`, disconnects, and resolves to the rows of the last statement. */
export async function queryRows(
  target: SqlTarget,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const client = new pg.Client({ ...target, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined) // the server may be killed under it; the query then rejects
  await client.connect()
  try {
    const result: unknown = await (parameters.length > 0 ? client.query(sql, [...parameters]) : client.query(sql))
    return rowsOf(Array.isArray(result) ? result.at(-1) : result)
  } finally {
    await client.end().catch(() => undefined)
  }
}

function rowsOf(result: unknown): readonly Row[] {
  const rows = typeof result === 'object' && result !== null && 'rows' in result ? result.rows : undefined
  if (!Array.isArray(rows)) throw new Error('not a query result')
  return rows as readonly Row[]
}
