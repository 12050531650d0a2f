import type { ConnectionSettings } from '../../config/libpq/connection-settings.ts'
import type { ReplicationConnection } from './replication-connection.ts'

type Wanted = ConnectionSettings['targetSessionAttrs']

/** What a server is, for `target_session_attrs`. */
export interface SessionAttributes {
  readonly readOnly: boolean
  readonly standby: boolean
}

/**
 * From the parameters that servers since 14 report; an older one is asked, which on a physical replication connection tells
 * whether transactions are read-only but not why: that counts as standby, too.
 */
export async function findSessionAttributes(
  parameters: ReadonlyMap<string, string>,
  connection: Pick<ReplicationConnection, 'query'>,
): Promise<SessionAttributes> {
  const hotStandby = parameters.get('in_hot_standby')
  const readOnlyDefault = parameters.get('default_transaction_read_only')
  if (hotStandby !== undefined && readOnlyDefault !== undefined) {
    const standby = hotStandby === 'on'
    return { standby, readOnly: standby || readOnlyDefault === 'on' }
  }
  const [row] = await connection.query('SHOW transaction_read_only')
  const readOnly = row?.[0] === 'on'
  return { readOnly, standby: readOnly }
}

/** Why the session is not the one wanted, in libpq's words; undefined when it is. */
export function sessionMismatch(wanted: Wanted, { readOnly, standby }: SessionAttributes): string | undefined {
  switch (wanted) {
    case 'any':
      return undefined
    case 'read-write':
      return readOnly ? 'session is read-only' : undefined
    case 'read-only':
      return readOnly ? undefined : 'session is not read-only'
    case 'primary':
      return standby ? 'server is in hot standby mode' : undefined
    case 'standby':
    case 'prefer-standby':
      return standby ? undefined : 'server is not in hot standby mode'
  }
}
