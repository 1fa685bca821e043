import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * Where files live that can be made again. XDG Base Directory Specification 0.8: $XDG_CACHE_HOME when it is an
 * absolute path, else $HOME/.cache. A user without a home keeps them in the temporary folder.
 */
export function cacheDir(environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment.XDG_CACHE_HOME;
  if (base !== undefined && isAbsolute(base)) return join(base, 'paravane');
  const home = environment.HOME ?? homedir();
  if (isAbsolute(home) && home !== '/nonexistent') return join(home, '.cache', 'paravane');
  return join(tmpdir(), `paravane-${process.getuid?.() ?? 'user'}`);
}
