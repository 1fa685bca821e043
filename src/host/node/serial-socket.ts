import { lstat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { VmmError } from '../../base/errors.ts';
import { errorCode, errorText } from './files.ts';
import { writeAll } from './process-ports.ts';

/** The longest path a Unix socket has: sun_path of unix(7) is 108 bytes with its NUL. */
const MAX_SOCKET_PATH_BYTES = 107;

/** What a serial socket talks to. */
export interface SerialEnd extends AsyncIterable<Uint8Array> {
  write(bytes: Uint8Array): Promise<void>;
}

/**
 * A serial line on a Unix socket, one client at a time. The guest runs on while nobody is connected, and output
 * is then dropped. Only the user who runs the machine may connect.
 */
export class SerialSocket {
  readonly #server: Server;
  readonly #path: string;
  #client: Socket | undefined;

  private constructor(path: string) {
    this.#path = path;
    this.#server = createServer();
  }

  static async listen(path: string): Promise<SerialSocket> {
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
      throw socketError(path, `the path is ${Buffer.byteLength(path)} bytes long, at most ${MAX_SOCKET_PATH_BYTES}`);
    }
    await removeStaleSocket(path);
    const socket = new SerialSocket(path);
    await socket.#listen();
    return socket;
  }

  /** Carries both directions until the output ends, then removes the socket. */
  async serve(serial: SerialEnd): Promise<void> {
    this.#server.on('connection', (client) => this.#accept(client, serial));
    try {
      for await (const bytes of serial) {
        if (this.#client !== undefined) await writeAll(this.#client, bytes).catch(() => {});
      }
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#client?.end();
    this.#server.close();
  }

  #accept(client: Socket, serial: SerialEnd): void {
    client.on('error', () => client.destroy());
    if (this.#client !== undefined) {
      client.end('paravane: this serial line is in use\r\n');
      return;
    }
    this.#client = client;
    client.on('close', () => {
      this.#client = undefined;
    });
    feed(client, serial).catch(() => client.destroy());
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => reject(socketError(this.#path, errorText(cause), cause)));
      const mask = process.umask(0o177);
      try {
        this.#server.listen(this.#path, resolve);
      } finally {
        process.umask(mask);
      }
    });
  }
}

async function feed(client: Socket, serial: SerialEnd): Promise<void> {
  for await (const bytes of client) await serial.write(bytes);
}

/** A socket file that nobody listens on is left over from a crash; anything else at the path is not ours to remove. */
async function removeStaleSocket(path: string): Promise<void> {
  const stat = await lstat(path).catch(() => null);
  if (stat === null) return;
  if (!stat.isSocket()) throw socketError(path, 'a file that is no socket is in the way');
  const refused = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(false);
    });
    probe.on('error', (error) => resolve(errorCode(error) === 'ECONNREFUSED'));
  });
  if (!refused) throw socketError(path, 'another process listens on it');
  await unlink(path);
}

function socketError(path: string, problem: string, cause?: unknown): VmmError {
  return new VmmError('VMM_SERIAL_SOCKET', `Cannot listen on the serial socket '${path}': ${problem}`, {
    kind: 'usage',
    cause,
  });
}
