import { existsSync } from 'node:fs';
import { VmmError } from '../base/errors.ts';
import type { ModuleSource } from '../sdk/options.ts';

/** `FILE[ ARGS][,FILE[ ARGS]…]`, `,,` for a comma. A name with a blank is taken whole when there is such a file. */
export function parseModules(text: string): readonly ModuleSource[] {
  const parts = text.match(/(?:[^,]|,,)+/g) ?? [''];
  return parts.map((part) => parseModule(part));
}

function parseModule(part: string): ModuleSource {
  const whole = part.replaceAll(',,', ',');
  const blank = whole.indexOf(' ');
  if (whole === '' || blank === 0) {
    throw new VmmError('VMM_CLI_VALUE', `The initrd is '${part}'; expected FILE or FILE ARGS,FILE ARGS`, {
      kind: 'usage',
    });
  }
  if (blank < 0 || existsSync(whole)) return { file: whole };
  return { file: whole.slice(0, blank), args: whole.slice(blank + 1) };
}
