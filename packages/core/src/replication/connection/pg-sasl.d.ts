/** The SCRAM-SHA-256 client of the `pg` package, which has no types of its own for it. */
declare module 'pg/lib/crypto/sasl.js' {
  interface SaslSession {
    readonly mechanism: string
    /** The next message to the server. */
    readonly response: string
  }
  /** What channel binding needs of a TLS socket: the server's certificate. */
  interface CertificateHolder {
    getPeerCertificate(): { readonly raw: Buffer }
  }
  const sasl: {
    /** `scramMaxIterations` 0 is no limit. With a stream, SCRAM-SHA-256-PLUS is chosen when the server offers it. */
    startSession(
      mechanisms: readonly string[],
      stream: CertificateHolder | null,
      scramMaxIterations?: number,
    ): SaslSession
    continueSession(
      session: SaslSession,
      password: string,
      serverData: string,
      stream: CertificateHolder | null,
    ): Promise<void>
    finalizeSession(session: SaslSession, serverData: string): void
  }
  export default sasl
}
