import type { OptionDescription } from '@walr/core/plugin'

/** The options for the reader; the README has the same table. */
export const optionDescriptions: readonly OptionDescription[] = [
  { name: 'host', type: 'string', summary: 'name or address of the server', required: true },
  { name: 'port', type: 'integer', summary: 'its port', default: '22' },
  { name: 'username', type: 'string', summary: 'user on the server', default: 'the user that walr runs as' },
  {
    name: 'directory',
    type: 'string',
    summary: 'directory on the server, which must exist; relative ones start where the login does',
    required: true,
  },
  {
    name: 'prefix',
    type: 'string',
    summary: 'folder below it that all keys are in, such as `pg/prod`; made when needed',
  },
  {
    name: 'hostKey',
    type: 'list, or text with spaces',
    summary: "fingerprints (`SHA256:...`) of the server's keys; then no known_hosts file is read",
  },
  {
    name: 'knownHostsFile',
    type: 'path',
    summary: 'file with the keys of known servers',
    default: '~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts',
  },
  { name: 'password', type: 'string', summary: 'password, also for questions of the server', secret: true },
  { name: 'privateKey', type: 'string', summary: 'private key as text (OpenSSH, or PEM of PKCS#1)', secret: true },
  { name: 'privateKeyFile', type: 'path', summary: 'file with the private key' },
  { name: 'passphrase', type: 'string', summary: 'passphrase of the private key', secret: true },
  {
    name: 'agent',
    type: 'path',
    summary: 'socket of an SSH agent',
    default: '`SSH_AUTH_SOCK`, when there is no other credential',
  },
  {
    name: 'marker',
    type: 'string',
    summary: 'name of a file in `directory` that must be there, so that an unmounted volume is no empty archive',
  },
  {
    name: 'hardLinks',
    type: 'boolean',
    summary: 'the server can make hard links; with false there may be one writer only',
    default: 'true',
  },
  {
    name: 'mode',
    type: '"private" or "group"',
    summary: 'who may read what is stored: the user alone, or its group, too',
    default: 'private',
  },
  { name: 'maxConnections', type: 'integer', summary: 'connections to the server, 1 to 64', default: '4' },
  {
    name: 'connectTimeoutMs',
    type: 'integer',
    summary: 'how long a connection may take to open, login included',
    default: '20000',
  },
  {
    name: 'requestTimeoutMs',
    type: 'integer',
    summary: 'how long the server may leave requests without any answer',
    default: '30000',
  },
  {
    name: 'keepaliveIntervalMs',
    type: 'integer',
    summary: 'pause between questions whether the server is still there; 0 for none',
    default: '15000',
  },
  {
    name: 'idleTimeoutMs',
    type: 'integer',
    summary: 'how long a connection without work stays open',
    default: '60000',
  },
]
