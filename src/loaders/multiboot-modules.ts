import { loadError } from './errors.ts';
import type { GuestModule } from './load-request.ts';

/** What surely fits in the boot information area with the largest kind of entry. */
const MAX_MODULES = 256;

export function checkModuleCount(modules: readonly GuestModule[]): void {
  if (modules.length <= MAX_MODULES) return;
  throw loadError('VMM_MODULE_COUNT', `${modules.length} modules given; a kernel takes at most ${MAX_MODULES}`);
}
