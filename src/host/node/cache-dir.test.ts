import { expect, it } from 'vitest';
import { cacheDir } from './cache-dir.ts';

it.each([
  [{ XDG_CACHE_HOME: '/x/cache', HOME: '/home/me' }, '/x/cache/paravane'],
  [{ HOME: '/home/me' }, '/home/me/.cache/paravane'],
  // The specification has relative paths ignored.
  [{ XDG_CACHE_HOME: 'cache', HOME: '/home/me' }, '/home/me/.cache/paravane'],
  [{ XDG_CACHE_HOME: '', HOME: '/home/me' }, '/home/me/.cache/paravane'],
])('cacheDir of %o', (environment, folder) => {
  expect(cacheDir(environment)).toBe(folder);
});

it('cacheDir of a user without a home is in the temporary folder', () => {
  expect(cacheDir({ HOME: '/nonexistent' })).toMatch(/paravane-\w+$/);
});
