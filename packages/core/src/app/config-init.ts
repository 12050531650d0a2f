import { dirname, resolve } from 'node:path'
import { checkConfig } from '../config/check-config.ts'
import { formatConfigFault } from '../config/config-fault.ts'
import { findConfigFile } from '../config/find-config-file.ts'
import type { Disk } from '../disk/disk.ts'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import { CONFIG_QUESTIONS, type ConfigAnswers, type ConfigQuestion } from './config-answers.ts'
import { configTemplate, pluginsFor, treeFor } from './config-template.ts'

/** Asks one question and gives the line that was typed; rejects when there will be no answer. */
export type Ask = (question: string) => Promise<string>

/** What `walr config init` works with. */
export interface ConfigInitOptions {
  /** Answers from flags, as they were given. */
  readonly given: Readonly<Partial<Record<keyof ConfigAnswers, string>>>
  /** Undefined when nobody can be asked. */
  readonly ask: Ask | undefined
  /** `--output`. */
  readonly output: string | undefined
  readonly workingDirectory: string
  readonly disk: Disk
}

/** What was written, and what has to be done before it can be used. */
export interface WrittenConfig {
  /** Absolute. */
  readonly file: string
  readonly nextSteps: readonly string[]
}

/** Everything that an unanswered question can be given by. */
type Asked = Partial<Record<keyof ConfigAnswers, string>>

/**
 * Writes a new configuration file. Nothing is overwritten.
 * @throws WalrError WALR_USAGE for answers that are missing or wrong, WALR_CONFIG when there is a configuration already,
 *   WALR_WRITE_FAILED.
 */
export async function initConfig(options: ConfigInitOptions): Promise<WrittenConfig> {
  const { output, workingDirectory, disk } = options
  const file = resolve(workingDirectory, output ?? 'walr.config.yaml')
  await refuseSecond(file, output === undefined ? workingDirectory : undefined, disk)
  const answers = await answersFor(options)
  const { faults } = checkConfig(treeFor(answers), () => false)
  if (faults.length > 0) {
    throw new WalrError('WALR_USAGE', 'the answers make no configuration', {
      detail: faults.map(formatConfigFault).join('\n'),
    })
  }
  await writeNew(disk, file, configTemplate(answers))
  return { file, nextSteps: nextSteps(answers, file) }
}

async function refuseSecond(file: string, searched: string | undefined, disk: Disk): Promise<void> {
  const found =
    searched === undefined
      ? undefined
      : await findConfigFile({ environment: {}, workingDirectory: searched, search: true })
  const present = found ?? ((await disk.size(file)) === undefined ? undefined : file)
  if (present === undefined) return
  throw new WalrError('WALR_CONFIG', `there is a configuration already: "${present}"`, {
    hint: 'Nothing is overwritten. Give another name with --output, or remove the file.',
  })
}

async function answersFor({ given, ask, workingDirectory }: ConfigInitOptions): Promise<ConfigAnswers> {
  const answers: Asked = {}
  const missing: string[] = []
  for (const question of CONFIG_QUESTIONS) {
    const { name, storage, fallback, isPath } = question
    const value = given[name]
    if (storage !== undefined && answers.storage !== undefined && answers.storage !== storage) {
      if (value !== undefined) throw notFor(name, storage)
      continue
    }
    // Which of the storages' own flags is missing shows when there is a storage.
    if (storage !== undefined && answers.storage === undefined && value === undefined) continue
    const usual = fallback?.(answers as Partial<ConfigAnswers>)
    const answer = value ?? (ask === undefined ? usual : await answerTo(question, usual, ask))
    if (answer === undefined) missing.push(`--${name}`)
    else {
      const fault = faultOf(question, answer)
      if (fault !== undefined) throw new WalrError('WALR_USAGE', `--${name}: ${fault}`)
      answers[name] = isPath === true ? resolve(workingDirectory, answer) : answer
    }
  }
  if (missing.length > 0) {
    const names = missing.join(', ')
    const more = missing.includes('--storage')
      ? ' With "--storage local" also --path is needed, with "s3" --bucket.'
      : ''
    throw new WalrError('WALR_USAGE', `there is nobody to ask, and these are missing: ${names}`, {
      hint: `Give them, or run the command on a terminal without --yes.${more}`,
    })
  }
  return complete(answers)
}

async function answerTo(question: ConfigQuestion, usual: string | undefined, ask: Ask): Promise<string> {
  const { text, choices } = question
  const possible = choices === undefined ? '' : ` (${choices.join(' or ')})`
  const inBrackets = usual === undefined || usual === '' ? '' : ` [${usual}]`
  let complaint = ''
  for (;;) {
    const line = (await ask(`${complaint}${text}${possible}${inBrackets}: `)).trim()
    const answer = line === '' && usual !== undefined ? usual : line
    const fault = faultOf(question, answer)
    if (fault === undefined) return answer
    complaint = `This does not go: ${fault}\n`
  }
}

/** What is wrong with one answer by itself. */
function faultOf({ name, choices, fallback }: ConfigQuestion, answer: string): string | undefined {
  if (choices !== undefined) return choices.includes(answer) ? undefined : `it must be ${choices.join(' or ')}`
  if (answer === '') return fallback?.({}) === '' ? undefined : 'it must not be empty'
  if (name === 'cluster' || name === 'connection') return firstFault({ [name]: answer })
  return name === 'slot' ? firstFault({ receive: { slot: answer } }) : undefined
}

function firstFault(tree: Parameters<typeof checkConfig>[0]): string | undefined {
  return checkConfig(tree, () => false).faults[0]?.message
}

/** All questions that were not asked have empty answers. */
function complete(answers: Asked): ConfigAnswers {
  const { cluster = '', directory = '', slot = '', connection = '' } = answers
  const { path = '', bucket = '', region = '', endpoint = '' } = answers
  return {
    ...{ cluster, directory, slot, connection, path, bucket, region, endpoint },
    storage: answers.storage === 's3' ? 's3' : 'local',
    encrypt: answers.encrypt === 'yes' ? 'yes' : 'no',
  }
}

async function writeNew(disk: Disk, file: string, text: string): Promise<void> {
  try {
    const opened = await disk.open(file, 'createNew', 0o600)
    try {
      const bytes = Buffer.from(text)
      await opened.write(bytes, 0, bytes.length, 0)
      await opened.sync()
    } finally {
      await opened.close()
    }
    await disk.syncDirectory(dirname(file))
  } catch (cause) {
    const code = isSystemError(cause, 'EEXIST') ? 'WALR_CONFIG' : 'WALR_WRITE_FAILED'
    throw new WalrError(code, `could not write file "${file}": ${systemErrorText(cause)}`, { cause })
  }
}

function nextSteps(answers: ConfigAnswers, file: string): readonly string[] {
  const plugins = pluginsFor(answers)
  return [
    ...(plugins.length > 0 ? [`walr plugins install ${plugins.join(' ')} --config "${file}"`] : []),
    ...(answers.encrypt === 'yes' ? [`walr keys generate --output "${resolve(dirname(file), 'walr.key')}"`] : []),
    `mkdir -p "${answers.directory}"${answers.storage === 'local' ? ` "${answers.path}"` : ''}`,
    `walr config validate --config "${file}"`,
  ]
}

function notFor(name: string, storage: string): WalrError {
  return new WalrError('WALR_USAGE', `--${name} goes with "--storage ${storage}" only`)
}
