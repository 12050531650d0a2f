import { dirname, resolve } from 'node:path'
import { cosmiconfig } from 'cosmiconfig'
import type { z } from 'zod'
import { WalrError } from '../errors/walr-error.ts'
import { configSchema, type WalrConfig } from './config-schema.ts'

/**
 * Loads the configuration from one file (yaml, json, js, ts); nothing is searched for. Relative paths in it start at the
 * directory of the file.
 * @throws WalrError WALR_CONFIG, with the file, and all keys that are wrong with the values found there.
 */
export async function loadConfig(path: string): Promise<WalrConfig> {
  const file = resolve(path)
  const parsed = configSchema.safeParse(await readConfigFile(file))
  if (!parsed.success) {
    const faults = parsed.error.issues.map(describe).join('; ')
    throw new WalrError('WALR_CONFIG', `configuration file "${file}" is wrong: ${faults}`, { hint })
  }
  const directory = parsed.data.receive?.directory
  if (directory === undefined) return parsed.data
  return { ...parsed.data, receive: { ...parsed.data.receive, directory: resolve(dirname(file), directory) } }
}

const hint = 'Correct the file; the configuration reference lists all keys.'

async function readConfigFile(file: string): Promise<unknown> {
  try {
    const result = await cosmiconfig('walr', { cache: false }).load(file)
    return result === null || result.isEmpty === true ? {} : result.config
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new WalrError('WALR_CONFIG', `could not load configuration file "${file}": ${reason}`, { cause })
  }
}

function describe(issue: z.core.$ZodIssue): string {
  const key = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((name) => `unknown key "${key === '' ? name : `${key}.${name}`}"`).join('; ')
  }
  return key === '' ? issue.message : `"${key}": ${issue.message}`
}
