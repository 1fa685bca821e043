import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { VmmError } from '../../base/errors.ts';
import { cacheDir } from '../../host/node/cache-dir.ts';
import { withFileLock } from '../../host/node/file-lock.ts';
import { writeFileAtomic } from '../../host/node/files.ts';
import { startTool } from '../../host/node/run-tool.ts';
import { buildInitramfs } from '../initramfs.ts';
import { type FetchedPackage, type FetchProgress, fetchPackages, type PackageRequest } from './apt-packages.ts';
import { readTarEntry } from './tar-entry.ts';

interface GuestSpec {
  readonly architecture: string;
  /** Meta packages in order of preference: Debian's name, then Ubuntu's nearest. */
  readonly kernels: readonly string[];
}

const GUESTS = {
  'cloud-amd64': { architecture: 'amd64', kernels: ['linux-image-cloud-amd64', 'linux-image-virtual'] },
  'full-amd64': { architecture: 'amd64', kernels: ['linux-image-amd64', 'linux-image-generic'] },
  '686': { architecture: 'i386', kernels: ['linux-image-686'] },
} as const satisfies Readonly<Record<string, GuestSpec>>;

export type GuestName = keyof typeof GUESTS;
export const GUEST_NAMES = Object.keys(GUESTS) as readonly GuestName[];

export interface GuestImageOptions {
  readonly onProgress?: (progress: FetchProgress) => void;
  readonly onWarning?: (message: string) => void;
  readonly signal?: AbortSignal;
  /** Text of /init instead of the shell. */
  readonly initScript?: string;
  /** Default: `paravane` in the user's cache. */
  readonly cacheFolder?: string;
}

/** Paths of a guest's files in the cache. */
export interface GuestImage {
  /** With its payload unpacked: no work at each start. */
  readonly kernel: string;
  /** The file of the package. */
  readonly packagedKernel: string;
  readonly initrd: string;
  readonly packages: readonly { readonly name: string; readonly version: string }[];
}

/** Written last: where it is, the kernel and the busybox beside it are whole. */
interface Manifest {
  readonly format: 1;
  readonly packages: readonly { readonly name: string; readonly version: string }[];
}

/**
 * A guest made of the distribution's kernel and a busybox initramfs, fetched by name with apt on first use and
 * then taken from the cache.
 */
export async function guestImage(name: GuestName, options: GuestImageOptions = {}): Promise<GuestImage> {
  const root = options.cacheFolder ?? cacheDir();
  const folder = join(root, 'guests', name);
  const manifest = (await readManifest(folder)) ?? (await fetchLocked(name, root, options));
  return {
    kernel: await cachedKernel(folder, manifest),
    packagedKernel: join(folder, 'vmlinuz'),
    initrd: await cachedInitrd(folder, manifest, options.initScript),
    packages: manifest.packages,
  };
}

/** What the cache holds of a guest, without fetching anything. */
export async function cachedGuestPackages(name: GuestName, cacheFolder = cacheDir()) {
  return (await readManifest(join(cacheFolder, 'guests', name)))?.packages ?? null;
}

async function readManifest(folder: string): Promise<Manifest | null> {
  try {
    const manifest: Manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
    return manifest.format === 1 && Array.isArray(manifest.packages) ? manifest : null;
  } catch {
    return null;
  }
}

function fetchLocked(name: GuestName, root: string, options: GuestImageOptions): Promise<Manifest> {
  const folder = join(root, 'guests', name);
  // One lock for all guests: those of one architecture share apt's lists.
  return withFileLock(
    join(root, 'fetch.lock'),
    async () => (await readManifest(folder)) ?? (await fetchGuest(GUESTS[name], folder, root, options)),
    {
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onWait: (holder) => options.onWarning?.(`waiting for another paravane (process ${holder}) that fetches a guest`),
    },
  );
}

async function fetchGuest(
  spec: GuestSpec,
  folder: string,
  root: string,
  options: GuestImageOptions,
): Promise<Manifest> {
  const requests: PackageRequest[] = [
    { names: spec.kernels, isMeta: true },
    { names: ['busybox-static'], isMeta: false },
  ];
  await mkdir(folder, { recursive: true });
  const temporary = await mkdtemp(join(root, 'fetch-'));
  try {
    const { onProgress, onWarning, signal } = options;
    const packages = await fetchPackages(requests, {
      architecture: spec.architecture,
      stateFolder: join(root, 'apt', spec.architecture),
      folder: temporary,
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(onWarning === undefined ? {} : { onWarning }),
      ...(signal === undefined ? {} : { signal }),
    });
    const [kernel, busybox] = packages as [FetchedPackage, FetchedPackage];
    await writeFileAtomic(join(folder, 'vmlinuz'), await extractFile(kernel, /^(\.\/)?boot\/vmlinuz-/));
    await writeFileAtomic(join(folder, 'busybox'), await extractFile(busybox, /^(\.\/)?(usr\/)?bin\/busybox$/));
    const manifest: Manifest = { format: 1, packages: packages.map(({ name, version }) => ({ name, version })) };
    await writeFileAtomic(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function extractFile(fetched: FetchedPackage, pathPattern: RegExp): Promise<Uint8Array> {
  const { child, exited } = startTool('dpkg-deb', ['--fsys-tarfile', fetched.path]);
  exited.catch(() => {});
  const entry = await readTarEntry(child.stdout, pathPattern);
  // dpkg-deb has children of its own, and all of them end when nobody reads; a signal would end only the first.
  child.stdout.destroy();
  child.stderr.resume();
  await exited;
  if (entry !== null) return entry.bytes;
  throw new VmmError(
    'VMM_GUEST_PACKAGE',
    `Package ${fetched.name} ${fetched.version} holds no file ${pathPattern.source}`,
  );
}

/** Changes with what `plainBzImage` makes. */
const PLAIN_KERNEL_FORMAT = 1;

/** The kernel unpacked, which every start would do otherwise; the kernel as it is where that is not possible. */
async function cachedKernel(folder: string, manifest: Manifest): Promise<string> {
  const original = join(folder, 'vmlinuz');
  const recipe = createHash('sha256')
    .update(JSON.stringify([PLAIN_KERNEL_FORMAT, manifest.packages]))
    .digest('hex');
  const path = join(folder, `kernel-${recipe.slice(0, 16)}.bzimage`);
  if ((await stat(path).catch(() => null)) !== null) return path;
  // Only the first start of a guest needs it.
  const { plainBzImage } = await import('../../loaders/plain-bzimage.ts');
  const plain = plainBzImage(await readFile(original), original);
  if (plain === null) return original;
  await writeFileAtomic(path, plain);
  return path;
}

/** Named after all that goes into it, so that another script or another release of ours makes another file. */
async function cachedInitrd(folder: string, manifest: Manifest, initScript?: string): Promise<string> {
  const script = initScript === undefined ? {} : { initScript };
  const recipe = createHash('sha256')
    .update(JSON.stringify(manifest.packages))
    .update(buildInitramfs({ busybox: new Uint8Array(0), ...script }))
    .digest('hex');
  const path = join(folder, `initrd-${recipe.slice(0, 16)}.cpio`);
  if ((await stat(path).catch(() => null)) !== null) return path;
  const busybox = await readFile(join(folder, 'busybox'));
  await writeFileAtomic(path, buildInitramfs({ busybox, ...script }));
  return path;
}
