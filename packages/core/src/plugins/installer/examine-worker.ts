import { parentPort, workerData } from 'node:worker_threads'
import type { OptionDescription, WalrPlugin } from '../contract/index.ts'
import { printableLine } from '../../telemetry/printable-text.ts'
import { reasonOf } from '../loader/plugin-faults.ts'
import { pluginEntryUrl } from '../loader/plugin-package.ts'
import { hooksOf, toPlugin } from '../loader/plugin-shape.ts'
import type { ExaminationAnswer, ExaminationRequest, ExaminedPlugin } from './plugin-examination.ts'

/** Imports the plugin that `workerData` names, tells what it is, and ends. */
parentPort?.postMessage(await answerTo(workerData as ExaminationRequest))

async function answerTo({ location, name, manifest }: ExaminationRequest): Promise<ExaminationAnswer> {
  try {
    const url = await pluginEntryUrl(location, name)
    const imported = (await import(/* @vite-ignore */ url)) as { readonly default?: unknown }
    const result = toPlugin(imported.default, manifest)
    return 'fault' in result ? result : { plugin: described(result.plugin) }
  } catch (error) {
    return { fault: `could not be imported: ${reasonOf(error)}` }
  }
}

function described(plugin: WalrPlugin): ExaminedPlugin {
  const { name, apiVersion, options } = plugin
  return { name: printableLine(name), apiVersion, hooks: hooksOf(plugin), options: options.map(plainOption) }
}

/** What the contract knows of it, and nothing that could not be copied, or shown. */
function plainOption(option: OptionDescription): OptionDescription {
  const { name, type, summary, default: usual, required, secret } = option
  return {
    ...{ name: printableLine(name), type: printableLine(type), summary: printableLine(summary) },
    ...(usual !== undefined && { default: printableLine(usual) }),
    ...(required === true && { required }),
    ...(secret === true && { secret }),
  }
}
