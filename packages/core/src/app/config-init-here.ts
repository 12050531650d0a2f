import { nodeDisk } from '../disk/node-disk.ts'
import { WalrError } from '../errors/walr-error.ts'
import { redact } from '../telemetry/redact.ts'
import { initConfig, type ConfigInitOptions, type WrittenConfig } from './config-init.ts'
import { StopRequest } from './stop-signals.ts'
import { terminalQuestions } from './terminal-questions.ts'

/**
 * Runs `walr config init` for this process: in its working directory, and with its terminal when `mayAsk` and there is one.
 * @throws WalrError as {@link initConfig}, and WALR_USAGE when the questions are not answered.
 */
export async function initConfigHere(
  given: ConfigInitOptions['given'],
  { output, mayAsk }: { readonly output: string | undefined; readonly mayAsk: boolean },
): Promise<WrittenConfig> {
  const { connection } = given
  // A password would be in every listing of processes (law 9).
  if (connection !== undefined && redact(connection) !== connection) process.title = 'walr config init'
  const common = { given, output, workingDirectory: process.cwd(), disk: nodeDisk }
  if (!mayAsk || !process.stdin.isTTY) return initConfig({ ...common, ask: undefined })
  using questions = terminalQuestions()
  try {
    return await initConfig({ ...common, ask: questions.ask })
  } catch (error) {
    if (!(error instanceof StopRequest)) throw error
    throw new WalrError('WALR_USAGE', 'the questions were not answered; nothing was written', { cause: error })
  }
}
