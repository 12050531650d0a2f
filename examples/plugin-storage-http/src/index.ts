import { definePlugin, nearestName, OptionsError, type OptionFault } from '@walr/core/plugin'

const options = [
  { name: 'url', type: 'URL', summary: 'a folder of a WebDAV server; it must exist', required: true },
  { name: 'username', type: 'string', summary: 'who asks, together with password' },
  { name: 'password', type: 'string', summary: 'the password of username', secret: true },
]

const plugin = definePlugin({
  name: 'walr-plugin-storage-http',
  apiVersion: 1,
  options,
  parseOptions(input) {
    const faults: OptionFault[] = []
    const names = options.map(({ name }) => name)
    for (const [path, value] of Object.entries(input)) {
      const nearest = nearestName(path, names) ?? names.join(', ')
      if (!names.includes(path)) faults.push({ path, message: `it is unknown; did you mean ${nearest}?` })
      else if (typeof value !== 'string') faults.push({ path, message: `it is a ${typeof value}; text is expected` })
    }
    const [url = '', username, password] = names.map((name) => input[name]?.toString())
    const base = URL.parse(url)
    // A password in the URL would be in every message about it.
    if (!base || !base.protocol.startsWith('http') || /[@?#]/.test(url)) {
      faults.push({
        path: 'url',
        message: 'a URL such as https://dav.example.com/walr is expected, without a password',
      })
    }
    if ((username === undefined) !== (password === undefined)) {
      faults.push({ path: '', message: 'username and password go together' })
    }
    if (!base || faults.length > 0) throw new OptionsError(faults)
    const credentials = username === undefined ? undefined : `${username}:${password ?? ''}`
    return { base: base.href.replace(/\/*$/, '/'), credentials }
  },
  // Every start of walr loads this file; what does the work is loaded when a storage is opened. (TypeScript rewrites no
  // import() inside an "export default" expression, hence the constant.)
  createStorage: async (parsed) => (await import('./storage.ts')).openStorage(parsed),
})

export default plugin
