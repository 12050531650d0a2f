import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import ssh2, { type AuthContext } from 'ssh2'

/** How {@link PasswordServer} asks for its password. */
export type PasswordMethod = 'password' | 'keyboard-interactive'

const NO_SUCH_FILE = 2
const DIRECTORY = { mode: 0o040700, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 }

/**
 * A fake for what OpenSSH does for root alone: logging in with a password. It is ssh2's own server, with one directory,
 * `/archive`, that is empty.
 */
export class PasswordServer implements AsyncDisposable {
  /** Passwords that were tried. */
  readonly tried: string[] = []
  readonly #server: InstanceType<typeof ssh2.Server>

  /**
   * @param hostKeyFile a private key.
   * @param exitCode what ends instead of SFTP, as for an account whose shell does something else.
   */
  constructor(hostKeyFile: string, password: string, method: PasswordMethod, exitCode?: number) {
    this.#server = new ssh2.Server({ hostKeys: [readFileSync(hostKeyFile)] }, (client) => {
      client.on('error', () => undefined)
      client.on('authentication', (context) => {
        this.#authenticate(context, password, method)
      })
      client.on('session', (accept) => {
        const session = accept()
        if (exitCode !== undefined) {
          session.on('subsystem', (acceptSubsystem) => {
            const channel = acceptSubsystem()
            channel.exit(exitCode)
            channel.end()
          })
          return
        }
        session.on('sftp', (acceptSftp) => {
          const sftp = acceptSftp()
          const stat = (id: number, path: string): void => {
            if (path === '/archive') sftp.attrs(id, DIRECTORY)
            else sftp.status(id, NO_SUCH_FILE)
          }
          sftp.on('STAT', stat).on('LSTAT', stat)
        })
      })
    })
  }

  get port(): number {
    const address: unknown = this.#server.address()
    const port = typeof address === 'object' && address !== null && 'port' in address ? address.port : undefined
    if (typeof port !== 'number') throw new Error('the server does not listen')
    return port
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }

  #authenticate(context: AuthContext, password: string, method: PasswordMethod): void {
    const decide = (given: string): void => {
      this.tried.push(given)
      if (given === password) context.accept()
      else context.reject([method])
    }
    if (context.method !== method) context.reject([method])
    else if (context.method === 'password') decide(context.password)
    else {
      context.prompt([{ prompt: 'Password: ', echo: false }], (answers) => {
        decide(answers[0] ?? '')
      })
    }
  }
}
