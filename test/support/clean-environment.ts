/**
 * The environment of this process without what would change a client's behaviour (`PG*`, `WALR_*`), and with `more`. Values
 * that are undefined remove a variable.
 */
export function cleanEnvironment(more: Readonly<Record<string, string | undefined>> = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(PG|WALR_|NODE_OPTIONS|VITEST|FORCE_COLOR)/.test(name),
  )
  const environment: NodeJS.ProcessEnv = { ...Object.fromEntries(inherited), LC_ALL: 'C', ...more }
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined))
}
