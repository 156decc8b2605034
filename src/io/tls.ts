import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { CodedError } from './deadline.js';
import { OWN_CODE } from '../core/reach.js';

/** libpq's `sslmode` ("SSL Support", libpq-ssl). */
export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export interface TlsSettings {
  readonly sslmode: SslMode;
  /** A file of certificates, `system`, or null for libpq's own place. */
  readonly sslrootcert: string | null;
  readonly sslcert: string | null;
  readonly sslkey: string | null;
}

/** What a server says to a request for TLS; `error` stands for anything but the two answers of the protocol. */
export type TlsAnswer = 'yes' | 'no' | 'error';

/** Where libpq looks for a root certificate when none is named. */
const USUAL_ROOT = join(homedir(), '.postgresql', 'root.crt');

/** "SSLRequest" of the protocol ("Message Formats", protocol-message-formats). */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** Asks for TLS. Rejects when the connection ends first or the signal says so; a frozen server never answers. */
export function askForTls(socket: Socket, signal: AbortSignal): Promise<TlsAnswer> {
  return settleOn(socket, signal, (resolve, reject) => {
    socket.once('data', (data) => {
      // More than one byte would be text that was smuggled in before encryption began (CVE-2021-23222).
      if (data.length > 1 && data[0] === 0x53)
        reject(new Error('unencrypted data follow the answer to the TLS request'));
      else resolve(data[0] === 0x53 ? 'yes' : data[0] === 0x4e ? 'no' : 'error');
    });
    socket.write(SSL_REQUEST);
  });
}

/** Encrypts a connection whose server has agreed to it. */
export async function encrypt(socket: Socket, options: ConnectionOptions, signal: AbortSignal): Promise<TLSSocket> {
  const secure = connect({ ...options, socket });
  secure.on('error', () => undefined);
  await settleOn<undefined>(secure, signal, (resolve) => {
    secure.once('secureConnect', () => {
      resolve(undefined);
    });
  });
  return secure;
}

function settleOn<T>(
  socket: Socket,
  signal: AbortSignal,
  begin: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => {
      done(() => {
        reject(signal.reason as Error);
      });
    };
    const onClose = (): void => {
      done(() => {
        reject(new CodedError(OWN_CODE.eof, 'the server closed the connection'));
      });
    };
    const onError = (error: Error): void => {
      done(() => {
        reject(error);
      });
    };
    const done = (act: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('close', onClose).off('end', onClose).off('error', onError);
      act();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('close', onClose).once('end', onClose).once('error', onError);
    if (signal.aborted) onAbort();
    else
      begin((value) => {
        done(() => {
          resolve(value);
        });
      }, onError);
  });
}

/** Node's options for an sslmode; reads the files named. Rejects when one cannot be read. */
export async function tlsOptions(settings: TlsSettings, hostname: string): Promise<ConnectionOptions> {
  const { sslmode, sslcert, sslkey, sslrootcert } = settings;
  // As in libpq: a root certificate turns `require` into `verify-ca`, and `system` allows nothing but `verify-full`,
  // because anybody can get a certificate from one of the system's authorities.
  const verify = sslmode.startsWith('verify-') || (sslmode === 'require' && sslrootcert !== null);
  const full = sslmode === 'verify-full' || (verify && sslrootcert === 'system');
  const ca = verify && sslrootcert !== 'system' ? await readFile(sslrootcert ?? USUAL_ROOT) : null;
  return {
    host: hostname,
    // A server name must not be an address (RFC 6066, section 3).
    ...(/^[\d.]+$|:/.test(hostname) ? {} : { servername: hostname }),
    rejectUnauthorized: verify,
    ...(full ? {} : { checkServerIdentity: () => undefined }),
    ...(ca === null ? {} : { ca }),
    ...(sslcert === null ? {} : { cert: await readFile(sslcert) }),
    ...(sslkey === null ? {} : { key: await readFile(sslkey) }),
  };
}
