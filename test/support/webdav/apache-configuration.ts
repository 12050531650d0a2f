/** What an Apache for tests needs to know before it starts. */
export interface ApachePlan {
  /** Where it keeps everything; owned by the user that runs it. */
  readonly directory: string
  readonly port: number
}

/** Name and password of the one user that it knows. */
export const WEBDAV_USER = { username: 'walr', password: 'walr-secret' } as const

const modules = [
  ...['mpm_event', 'authn_core', 'authn_file', 'authz_core', 'authz_user', 'auth_basic', 'dav', 'dav_fs'],
  // every Debian has these two: folders without a slash are redirected, and shown as pages
  ...['dir', 'autoindex'],
] as const

/** Configuration of an Apache that serves `data`, below its directory, by WebDAV to {@link WEBDAV_USER}. */
export function apacheConfiguration({ directory, port }: ApachePlan): string {
  return `
ServerRoot ${directory}
DefaultRuntimeDir ${directory}
PidFile ${directory}/apache.pid
Mutex file:${directory} default
ServerName 127.0.0.1
Listen 127.0.0.1:${port}
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
StartServers 1
ThreadsPerChild 32
MaxRequestWorkers 64
KeepAliveTimeout 2
MaxKeepAliveRequests 0
ErrorLog ${directory}/error.log
DocumentRoot ${directory}/data
DavLockDB ${directory}/locks
<Directory />
  Require all denied
</Directory>
<Directory ${directory}/data>
  Dav On
  DirectoryIndex disabled
  AuthType Basic
  AuthName walr
  AuthUserFile ${directory}/users
  Require valid-user
</Directory>
`
}
