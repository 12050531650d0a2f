import { randomBytes } from 'node:crypto'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startRadosgw, type Radosgw } from '../test/support/radosgw/radosgw.ts'

/** A bucket on a real S3 server on loopback, and the part of walr's configuration that archives to it. */
export interface ArchiveTarget extends AsyncDisposable {
  readonly server: Radosgw
  /** A fresh bucket, and the lines of the configuration for it. */
  prepare(folder: string): Promise<{ readonly bucket: string; readonly yaml: readonly string[] }>
}

const packages = join(import.meta.dirname, '../packages')

/** Starts the server. zstd with level 1 and AES-256-GCM are what the budgets are for. */
export async function startArchiveTarget(): Promise<ArchiveTarget> {
  const server = await startRadosgw()
  return {
    server,
    prepare: async (folder) => {
      const bucket = await server.createBucket()
      // Where a user would have run "npm install".
      const modules = join(folder, 'node_modules/@walr')
      mkdirSync(modules, { recursive: true })
      for (const name of ['plugin-s3', 'plugin-crypto']) symlinkSync(join(packages, name), join(modules, name))
      writeFileSync(join(folder, 'walr.key'), `walr-key:bench:${randomBytes(32).toString('base64')}\n`, { mode: 0o600 })
      const { endpoint, accessKeyId, secretAccessKey } = server
      const yaml = [
        'plugins: ["@walr/plugin-s3", "@walr/plugin-crypto"]',
        'archive:',
        `  storage: { use: "@walr/plugin-s3", bucket: ${bucket}, endpoint: "${endpoint}", accessKeyId: ${accessKeyId}, secretAccessKey: "${secretAccessKey}" }`,
        '  codecs: [zstd, { use: "@walr/plugin-crypto", keyFile: walr.key }]',
      ]
      return { bucket, yaml }
    },
    [Symbol.asyncDispose]: () => server.stop(),
  }
}
