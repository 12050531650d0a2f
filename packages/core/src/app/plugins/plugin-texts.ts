import { isWalrError } from '../../errors/walr-error.ts'
import { terminalWidthHere } from './terminal-width-here.ts'
import { textTable, wrappedLines } from './text-table.ts'
import type { ConfigOutcome } from './config-edit.ts'
import type { InspectedPlugin } from './inspect-plugin.ts'
import type { Installation } from './install-plugins.ts'
import type { ListedPlugin, PluginListing } from './list-plugins.ts'
import type { Uninstallation } from './uninstall-plugin.ts'
import type { UpdatedPlugin } from './update-plugins.ts'

/** What a person reads of `walr plugins install`. */
export function installationText({ plugins, dataDirectory, config }: Installation): string {
  const lines = plugins.map(({ name, version, previousVersion, status, provides }) => {
    if (status === 'unchanged') return `${name} ${version} is installed already`
    const before = previousVersion === null || previousVersion === version ? '' : ` in place of ${previousVersion}`
    return `installed ${name} ${version}${before} (${provides.join(', ')}) in "${dataDirectory}"`
  })
  const names = plugins.map(({ name }) => name)
  return [...lines, ...configLines(config, names, 'add'), ...nextLines(config)].join('\n')
}

/** What a person reads of `walr plugins uninstall`. */
export function uninstallationText({ name, dataDirectory, wasInstalled, config }: Uninstallation): string {
  const what = wasInstalled ? `removed ${name} from "${dataDirectory}"` : `${name} was not installed`
  return [what, ...configLines(config, [name], 'remove')].join('\n')
}

/** What became of the configuration, and what is left to do there. */
function configLines(config: ConfigOutcome, names: readonly string[], what: 'add' | 'remove'): readonly string[] {
  const list = JSON.stringify(names)
  switch (config.status) {
    case 'changed':
      return [
        what === 'add'
          ? `added to the list "plugins" of "${config.file}"; its options are in a comment at the end`
          : `removed from "${config.file}"`,
      ]
    case 'unchanged':
      return [`configuration file "${config.file}" needs no change`]
    case 'left-alone':
      return what === 'add' ? [`the configuration was left alone; its list "plugins" has to have ${list}`] : []
    case 'by-hand':
      if (config.file === undefined) {
        return what === 'add' ? [`no configuration file was found; its list "plugins" has to have ${list}`] : []
      }
      return [
        what === 'add'
          ? `"${config.file}" is a program; add this to it: plugins: ${list}`
          : `"${config.file}" is a program; take ${list} off its list "plugins"`,
      ]
  }
}

/** What a person reads of `walr plugins update`; failures are told elsewhere. */
export function updateText(plugins: readonly UpdatedPlugin[]): string {
  if (plugins.length === 0) return 'no plugins are installed'
  return plugins
    .flatMap((plugin) => {
      if (plugin.status === 'failed') return []
      const { name, version } = plugin
      if (plugin.status === 'updated') {
        const isOther = plugin.previousVersion !== version
        return [
          isOther
            ? `updated ${name} from ${plugin.previousVersion} to ${version}`
            : `installed ${name} ${version} anew`,
        ]
      }
      const { reason } = plugin
      return [
        reason === undefined ? `${name} ${version} is the newest that fits` : `${name} ${version} stays: ${reason}`,
      ]
    })
    .join('\n')
}

/** What a program reads of `walr plugins update`. */
export function shownUpdates(plugins: readonly UpdatedPlugin[]): unknown {
  return {
    plugins: plugins.map((plugin) => {
      if (plugin.status !== 'failed') return plugin
      const { name, status, error } = plugin
      return { name, status, code: isWalrError(error) ? error.code : 'WALR_INTERNAL', message: messageOf(error) }
    }),
  }
}

/** What a person reads of `walr plugins`. */
export function listingText({ plugins, configFile, dataDirectories }: PluginListing): string {
  const rows = plugins.map((plugin) => [
    plugin.name,
    plugin.version ?? '-',
    plugin.provides.length === 0 ? '-' : plugin.provides.join(', '),
    plugin.apiVersion === null ? '-' : String(plugin.apiVersion),
    sourceText(plugin),
    configuredText(plugin),
  ])
  const faults = plugins.flatMap(({ name, fault }) => (fault === null ? [] : [`"${name}" ${fault}`]))
  return [
    textTable([['NAME', 'VERSION', 'HOOKS', 'API', 'FROM', 'CONFIGURED'], ...rows]),
    ...(faults.length === 0 ? [] : ['', 'cannot be used:', ...faults.map((fault) => `  ${fault}`)]),
    '',
    configFile === null ? 'no configuration file' : `configuration file: ${configFile}`,
    `data ${dataDirectories.length === 1 ? 'directory' : 'directories'}: ${dataDirectories.join(', ')}`,
  ].join('\n')
}

/**
 * What a person reads of `walr plugins inspect`.
 * @param width columns of the terminal; undefined where there is none.
 */
export function inspectionText(
  { name, version, description, apiVersion, provides, options, path }: InspectedPlugin,
  width: number | undefined = terminalWidthHere(),
): string {
  const facts = [
    ['version', version],
    ['hooks', provides.join(', ')],
    ['plugin API', String(apiVersion)],
    ['from', path ?? 'built in'],
  ].filter(([, value]) => value !== '')
  const rows = options.map((option) => [
    option.name,
    option.type,
    option.default ?? (option.required === true ? '(required)' : '-'),
    `${option.summary}${option.secret === true ? ' (secret)' : ''}`,
  ])
  const title = description === '' ? name : `${name}: ${description}`
  return [
    ...(width === undefined ? [title] : wrappedLines(title, width)),
    '',
    textTable(facts.map(([key = '', value = '']) => [key, value])),
    '',
    rows.length === 0 ? 'It has no options.' : textTable([['OPTION', 'TYPE', 'DEFAULT', 'MEANING'], ...rows], width),
  ].join('\n')
}

function sourceText({ source, path, spec }: ListedPlugin): string {
  switch (source) {
    case 'built-in':
      return 'built in'
    case 'missing':
      return 'nowhere'
    case 'folder':
      return path ?? 'folder'
    case 'data-directory':
      return spec === null ? (path ?? '') : `${path ?? ''} (${spec})`
  }
}

function configuredText({ configured, usedAt, source }: ListedPlugin): string {
  if (usedAt.length > 0) return usedAt.join(', ')
  if (source === 'built-in') return '-'
  return configured ? 'yes, not used' : 'no'
}

function nextLines(config: ConfigOutcome): readonly string[] {
  return config.status === 'changed' ? ['"walr config validate" tells what else is needed'] : []
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
