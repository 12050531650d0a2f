import { join } from 'node:path'
import { resolveConfig, format } from 'prettier'
import { ERROR_CODES } from '../../packages/core/src/errors/error-codes.ts'
import { EXIT_CODES, RESTORE_EXIT_CODES } from '../../packages/core/src/errors/exit-codes.ts'

const exitMeanings: Record<keyof typeof EXIT_CODES, string> = {
  success:
    'The work is done: `--endpos` was reached, SIGINT or SIGTERM stopped walr in an orderly way, the slot was made.',
  failure: 'The command line is wrong, a fatal error, or a lost stream with `--no-loop`. As pg_receivewal.',
  warning: '`walr wal verify`: all WAL is there and good, but something deserves a look, such as a recorded gap.',
  gap: 'WAL is missing between what walr has and what the server can still send. A new base backup is needed. `walr wal verify`: WAL is missing.',
  damaged: '`walr wal verify`: WAL is damaged, is of another cluster, or is not what its name says.',
}

const restoreMeanings: Record<keyof typeof RESTORE_EXIT_CODES, string> = {
  delivered: 'The file is at its place, complete and checked.',
  certainlyAbsent: 'The file is certainly not there. PostgreSQL takes it for the end of the WAL and may promote.',
  anythingElse:
    'Anything else: the directory cannot be read, a file is damaged, walr itself failed. PostgreSQL stops with FATAL.',
}

/** The text of `docs/errors.md`, from the tables in `packages/core/src/errors`. */
export async function errorsPage(): Promise<string> {
  const text = `# Errors and exit codes

This page is generated from \`packages/core/src/errors\` by \`npm run docs:write\`. Do not edit it.

Every error of walr says what happened, with the value that it received; a hint says what to do. It carries one of the codes
below: in the field \`code\` with \`--log-format json\`, on a line of its own with \`--verbose\`. Codes stay the same within
a major version; the texts of messages may change at any time.

## Exit codes

${table(['status', 'name', 'meaning'], rows(EXIT_CODES, exitMeanings))}

A second SIGINT or SIGTERM ends walr at once, with 130 or 143.

## Exit codes of \`walr restore-command\`

PostgreSQL reads a meaning into the status of its \`restore_command\`: 1 to 125 is "there is no such file", which ends
recovery, and anything above stops the server.

${table(['status', 'name', 'meaning'], rows(RESTORE_EXIT_CODES, restoreMeanings))}

## Error codes

${table(
  ['code', 'meaning', 'what to do'],
  Object.entries(ERROR_CODES).map(([code, { meaning, remedy }]) => [`\`${code}\``, meaning, remedy]),
)}
`
  const path = join(import.meta.dirname, '../../docs/errors.md')
  return format(text, { ...(await resolveConfig(path)), parser: 'markdown' })
}

function rows<Name extends string>(codes: Record<Name, number>, meanings: Record<Name, string>): string[][] {
  const names = Object.keys(codes) as Name[]
  return names.map((name) => [String(codes[name]), name, meanings[name]])
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n')
}
