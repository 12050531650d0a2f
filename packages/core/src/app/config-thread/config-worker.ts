import { parentPort, workerData } from 'node:worker_threads'
import { loadConfig, type LoadConfigOptions } from '../../config/load-config.ts'
import { sendError } from '../archive/archive-messages.ts'
import type { ConfigAnswer } from './load-config-aside.ts'

/** Loads the configuration that `workerData` asks for, and ends. */
const answer = (message: ConfigAnswer): void => parentPort?.postMessage(message)
try {
  const { config, file, baseDirectory } = await loadConfig(workerData as LoadConfigOptions)
  answer({ settings: { config, file, baseDirectory } })
} catch (error) {
  answer({ error: sendError(error) })
}
