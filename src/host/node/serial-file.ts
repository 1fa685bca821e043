import { open } from 'node:fs/promises';
import { VmmError } from '../../base/errors.ts';
import { errorText } from './files.ts';

/** Copies console output into a file, replacing what was in it. Resolves when the output ends. */
export async function openSerialFile(path: string): Promise<(output: AsyncIterable<Uint8Array>) => Promise<void>> {
  const file = await open(path, 'w').catch((cause) => {
    throw new VmmError('VMM_SERIAL_FILE', `The serial file '${path}' cannot be written: ${errorText(cause)}`, {
      kind: 'usage',
      cause,
    });
  });
  return async (output) => {
    try {
      for await (const bytes of output) await file.writeFile(bytes);
    } finally {
      await file.close();
    }
  };
}
