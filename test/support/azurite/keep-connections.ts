import { Server } from 'node:net'

/*
 * Loaded into azurite before itself. It would close connections that were idle for 5 s (its option for that does
 * nothing), and on a slow machine that meets a request under way, which then looks like an outage.
 */
// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own server below
const listen: (...args: never[]) => Server = Server.prototype.listen
Server.prototype.listen = function (this: Server, ...args: never[]): Server {
  if ('keepAliveTimeout' in this) this.keepAliveTimeout = 0
  return listen.apply(this, args)
}
