import { CommandHelp, Help } from '@oclif/core'
import type { Interfaces } from '@oclif/core'

/** The help of a command in the sections of PostgreSQL's programs: options in their given order, groups named as they are. */
class WalrCommandHelp extends CommandHelp {
  protected override sections(): ReturnType<CommandHelp['sections']> {
    return super.sections().map((section) => {
      if (section.header !== 'FLAGS') return section
      return { header: 'OPTIONS', generate: ({ flags }) => this.#optionSections(flags) }
    })
  }

  #optionSections(
    flags: Parameters<CommandHelp['groupFlags']>[0],
  ): { header: string; body: string | [string, string | undefined][] | undefined }[] {
    const { mainFlags, flagGroups } = this.groupFlags(flags)
    const groups = [['Options', mainFlags] as const, ...Object.entries(flagGroups)]
    return groups.map(([name, group]) => ({ header: name.toUpperCase(), body: this.flags(group) }))
  }
}

/** oclif loads this class by its path in package.json (`oclif.helpClass`), which has to be the default export. */
export default class WalrHelp extends Help {
  protected override CommandHelpClass: typeof CommandHelp = WalrCommandHelp

  constructor(config: Interfaces.Config, options: Partial<Interfaces.HelpOptions> = {}) {
    super(config, { ...options, flagSortOrder: 'none' })
  }

  /** Without oclif's section for the version, which names package, platform and runtime. */
  override formatRoot(): string {
    const description: unknown = this.config.pjson['description']
    return [this.wrap(String(description)), this.section('USAGE', `$ ${this.config.bin} COMMAND [OPTION]...`)].join(
      '\n\n',
    )
  }
}
