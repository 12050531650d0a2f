/** What a Ceph cluster for tests needs to know before it starts. */
export interface CephPlan {
  /** Where it keeps everything: configuration, data, logs. Owned by the user that runs it. */
  readonly directory: string
  readonly clusterId: string
  readonly monitorPort: number
  readonly gatewayPort: number
  /** With a certificate the gateway answers on this port with TLS, too. */
  readonly tls?: { readonly port: number; readonly certificateFile: string; readonly keyFile: string } | undefined
}

/** Name and key (of AES-256, base64) of the one key that the gateway's key management for tests knows. */
export const KMS_KEY = { id: 'walr-test-key', base64: Buffer.alloc(32, 'walr').toString('base64') } as const

/**
 * `ceph.conf` for one monitor, one object store in memory and one gateway, all on 127.0.0.1, without authentication
 * between them. Without `ms mon client mode = crc` clients wait for ever: the default demands encryption, with keys.
 */
export function cephConfiguration(plan: CephPlan): string {
  return Object.entries({ ...cluster(plan), ...haste, ...gateway(plan) })
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('')
    .replace(/^/, '[global]\n')
}

function cluster({ directory, clusterId, monitorPort }: CephPlan): Readonly<Record<string, string | number | boolean>> {
  const plain = ['cluster', 'service', 'client', 'mon cluster', 'mon service', 'mon client']
  return {
    fsid: clusterId,
    'mon host': `v2:127.0.0.1:${monitorPort}`,
    'auth cluster required': 'none',
    'auth service required': 'none',
    'auth client required': 'none',
    ...Object.fromEntries(plain.map((part) => [`ms ${part} mode`, 'crc'])),
    'ms bind ipv6': false,
    'ms bind msgr1': false,
    'public addr': '127.0.0.1',
    'cluster addr': '127.0.0.1',
    'run dir': directory,
    'admin socket': '',
    keyring: `${directory}/keyring`,
    'mon data': `${directory}/mon`,
    'osd data': `${directory}/osd`,
    'rgw data': `${directory}/rgw`,
    'log file': '',
    'log to stderr': true,
    'err to stderr': true,
    'mon cluster log file': '',
    'mon cluster log to stderr': false,
    'debug rocksdb': 0,
    'osd objectstore': 'memstore',
    'memstore device bytes': 8 * 1024 ** 3,
    'osd pool default size': 1,
    'osd pool default min size': 1,
    'osd pool default pg num': 1,
    'osd pool default pgp num': 1,
    'osd pool default pg autoscale mode': 'off',
    'osd crush chooseleaf type': 0,
    'mon allow pool size one': true,
    'mon data avail crit': 0,
    'mon data avail warn': 0,
  }
}

/** With the defaults each of the gateway's pools takes two seconds. */
const haste = { 'paxos propose interval': 0.02, 'paxos min wait': 0.01, 'mon tick interval': 1 } as const

function gateway({ gatewayPort, tls }: CephPlan): Readonly<Record<string, string | number | boolean>> {
  const secure =
    tls === undefined
      ? ''
      : ` ssl_endpoint=127.0.0.1:${tls.port} ssl_certificate=${tls.certificateFile} ssl_private_key=${tls.keyFile}`
  return {
    'rgw frontends': `beast endpoint=127.0.0.1:${gatewayPort}${secure}`,
    'rgw thread pool size': 64,
    'rgw enable usage log': false,
    'rgw bucket quota ttl': 0,
    // what was deleted leaves the memory soon
    'rgw gc max objs': 1,
    'rgw gc obj min wait': 5,
    'rgw gc processor period': 5,
    'rgw crypt s3 kms backend': 'testing',
    'rgw crypt s3 kms encryption keys': `${KMS_KEY.id}=${KMS_KEY.base64}`,
  }
}
