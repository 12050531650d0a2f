import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** The fake of object-server.ts, running. */
export class RunningServer implements AsyncDisposable {
  readonly token = 'the right one'
  readonly url: string
  readonly #worker: Worker

  private constructor(worker: Worker, port: number) {
    this.#worker = worker
    this.url = `http://127.0.0.1:${port}`
  }

  static async start(): Promise<RunningServer> {
    const worker = new Worker(new URL('object-server.ts', import.meta.url))
    const [address] = (await once(worker, 'message')) as [{ readonly port: number }]
    return new RunningServer(worker, address.port)
  }

  async createBucket(name: string): Promise<void> {
    await this.#ask('PUT', name)
  }

  async removeBucket(name: string): Promise<void> {
    await this.#ask('DELETE', name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate()
  }

  async #ask(method: string, bucket: string): Promise<void> {
    const headers = { authorization: `Bearer ${this.token}` }
    const response = await fetch(`${this.url}/${bucket}`, { method, headers })
    await response.arrayBuffer()
    if (!response.ok) throw new Error(`the server answers ${response.status}`)
  }
}
