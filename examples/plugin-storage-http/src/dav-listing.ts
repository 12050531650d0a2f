import { StorageError } from '@walr/core/plugin'
import { XMLParser } from 'fast-xml-parser'

/** What a server tells of an object or a folder. */
export interface DavEntry {
  /** That of its URL, decoded, without a slash at its end. */
  readonly path: string
  readonly isFolder: boolean
  readonly size: number
  readonly modifiedAt: Date
}

interface DavResponse {
  readonly href: string
  readonly propstat?: readonly {
    readonly status: string
    readonly prop: { resourcetype?: object | string; getcontentlength?: string; getlastmodified?: string }
  }[]
}

const isArray = (name: string): boolean => name === 'response' || name === 'propstat'
const parser = new XMLParser({ removeNSPrefix: true, parseTagValue: false, isArray })

/** Reads the answer to PROPFIND. @throws when it does not tell all that was asked. */
export function parseListing(xml: string): readonly DavEntry[] {
  // the parser is content with half a document
  if (!/<\/[\w:]*multistatus>\s*$/.test(xml))
    throw new StorageError('Permanent', 'the list from the server is not whole')
  const { multistatus } = parser.parse(xml) as { multistatus: { response?: readonly DavResponse[] } }
  return (multistatus.response ?? []).map(({ href, propstat = [] }) => {
    const found = propstat.find(({ status }) => status.includes(' 200'))?.prop
    const isFolder = typeof found?.resourcetype === 'object' && 'collection' in found.resourcetype
    const [size, modifiedAt] = [Number(found?.getcontentlength ?? NaN), new Date(found?.getlastmodified ?? NaN)]
    const isComplete = isFolder || (Number.isSafeInteger(size) && !Number.isNaN(modifiedAt.getTime()))
    if (!isComplete) throw new StorageError('Permanent', `the server does not tell size and time of ${href}`)
    return { path: decodePath(href), isFolder, size, modifiedAt }
  })
}

/** The path of a URL, or a path, decoded and without a slash at its end. */
export function decodePath(url: string): string {
  return decodeURIComponent(url.replace(/^https?:\/\/[^/]*/i, '').replace(/\/+$/, ''))
}
