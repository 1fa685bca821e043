import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { VmmError } from '../../base/errors.ts';
import { findTool, runTool } from '../../host/node/run-tool.ts';
import { type AptState, hasLists, hostAptState, privateAptState } from './apt-state.ts';

/** A fetched package file. */
export interface FetchedPackage {
  readonly name: string;
  readonly version: string;
  readonly path: string;
}

/** What is going on, for a progress line. `totalBytes` is null where it is not known. */
export interface FetchProgress {
  readonly what: string;
  readonly doneBytes: number;
  readonly totalBytes: number | null;
}

export interface FetchContext {
  readonly architecture: string;
  /** Where the private apt state lives. */
  readonly stateFolder: string;
  /** Where the packages go. */
  readonly folder: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FetchProgress) => void;
  readonly onWarning?: (message: string) => void;
}

/** A package wanted by the first of its names that the distribution has. */
export interface PackageRequest {
  readonly names: readonly string[];
  /** The name is a meta package: what is wanted is the kernel image it depends on. */
  readonly isMeta: boolean;
}

interface PackageRecord {
  readonly name: string;
  readonly version: string;
  readonly sizeBytes: number | null;
}

/** The tools that fetching needs; each is part of Debian's and Ubuntu's minimal installation. */
export const APT_TOOLS = ['apt-get', 'apt-cache', 'dpkg', 'dpkg-deb'] as const;

/**
 * Fetches packages with apt, which verifies them against the distribution's signed lists. The host's own lists are
 * used when they have the package and it is still on the mirror; else private lists are brought up to date.
 */
export async function fetchPackages(
  requests: readonly PackageRequest[],
  context: FetchContext,
): Promise<FetchedPackage[]> {
  requireApt();
  const native = (await runTool('dpkg', ['--print-architecture'])).stdout.trim();
  if (native === context.architecture) {
    const fetched = await tryFetch(hostAptState, requests, context);
    if (fetched.kind === 'fetched') return fetched.packages;
  }
  const state = await privateAptState(context.stateFolder, context.architecture);
  if (await hasLists(context.stateFolder)) {
    const fetched = await tryFetch(state, requests, context);
    if (fetched.kind === 'fetched') return fetched.packages;
  }
  const updateMessages = await update(state, context);
  const fetched = await tryFetch(state, requests, context);
  if (fetched.kind === 'fetched') return fetched.packages;
  const reasons = [fetched.reason, ...updateMessages].join('; ');
  throw new VmmError(
    'VMM_GUEST_FETCH',
    `The guest's packages for ${context.architecture} cannot be fetched: ${reasons}`,
  );
}

/** True when this host has what `fetchPackages` needs. */
export function hasApt(): boolean {
  return APT_TOOLS.every((tool) => findTool(tool) !== null);
}

function requireApt(): void {
  if (hasApt()) return;
  throw new VmmError(
    'VMM_GUEST_APT',
    'No kernel given, and this host has no apt to fetch the default guest with.\n' +
      'Pass a kernel and an initrd of your own: paravane run -k KERNEL -i INITRD -a "console=ttyS0"',
    { kind: 'usage' },
  );
}

type FetchResult = { kind: 'fetched'; packages: FetchedPackage[] } | { kind: 'unavailable'; reason: string };

async function tryFetch(
  state: AptState,
  requests: readonly PackageRequest[],
  context: FetchContext,
): Promise<FetchResult> {
  const packages: FetchedPackage[] = [];
  for (const request of requests) {
    const record = await findPackage(state, request, context);
    if (record === null) return { kind: 'unavailable', reason: `no package ${request.names.join(' or ')}` };
    const path = await download(state, record, context);
    if (typeof path !== 'string') return { kind: 'unavailable', reason: path.reason };
    packages.push({ name: record.name, version: record.version, path });
  }
  return { kind: 'fetched', packages };
}

async function findPackage(
  state: AptState,
  request: PackageRequest,
  context: FetchContext,
): Promise<PackageRecord | null> {
  for (const name of request.names) {
    const fields = await showPackage(state, name, context);
    if (fields === null) continue;
    if (!request.isMeta) return recordOf(fields, name);
    const image = kernelDependency(fields.get('Depends') ?? '');
    if (image === null) continue;
    const imageFields = await showPackage(state, image, context);
    if (imageFields !== null) return recordOf(imageFields, image);
  }
  return null;
}

async function showPackage(state: AptState, name: string, context: FetchContext) {
  const result = await state.run('apt-cache', ['show', '--no-all-versions', name], toolOptions(context));
  return result.status === 0 ? parseControl(result.stdout) : null;
}

function recordOf(fields: ReadonlyMap<string, string>, name: string): PackageRecord | null {
  const version = fields.get('Version');
  const sizeBytes = Number(fields.get('Size'));
  return version === undefined ? null : { name, version, sizeBytes: sizeBytes > 0 ? sizeBytes : null };
}

/** The first paragraph of a control file: deb-control(5). Continuation lines are left out. */
export function parseControl(text: string): ReadonlyMap<string, string> | null {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === '' && fields.size > 0) break;
    const match = /^([!-9;-~]+):[ \t]*(.*)$/.exec(line);
    if (match !== null) fields.set(match[1] as string, match[2] as string);
  }
  return fields.size > 0 ? fields : null;
}

/** The kernel image that a meta package stands for, from its Depends field: `linux-image-6.1.0-56-cloud-amd64`. */
export function kernelDependency(depends: string): string | null {
  for (const dependency of depends.split(/[,|]/)) {
    const name = dependency.trim().split(/[\s(:]/)[0] as string;
    if (/^linux-image-(unsigned-)?\d/.test(name)) return name;
  }
  return null;
}

async function update(state: AptState, context: FetchContext): Promise<string[]> {
  context.onProgress?.({ what: `apt's package lists for ${context.architecture}`, doneBytes: 0, totalBytes: null });
  const result = await watchFolder(join(context.stateFolder, 'state', 'lists', 'partial'), {
    work: () => state.run('apt-get', ['update'], toolOptions(context)),
    onSize: (doneBytes) =>
      context.onProgress?.({ what: `apt's package lists for ${context.architecture}`, doneBytes, totalBytes: null }),
  });
  const problems = result.stderr.split('\n').filter((line) => /^[WE]: /.test(line));
  for (const problem of problems) context.onWarning?.(problem.slice(3));
  return problems.map((problem) => problem.slice(3));
}

async function download(
  state: AptState,
  record: PackageRecord,
  context: FetchContext,
): Promise<string | { reason: string }> {
  const folder = join(context.folder, record.name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const progress = (doneBytes: number) =>
    context.onProgress?.({ what: record.name, doneBytes, totalBytes: record.sizeBytes });
  const result = await watchFolder(folder, {
    work: () =>
      state.run('apt-get', ['download', `${record.name}=${record.version}`], { ...toolOptions(context), cwd: folder }),
    onSize: progress,
  });
  const file = (await readdir(folder)).find((name) => name.endsWith('.deb'));
  if (result.status === 0 && file !== undefined) return join(folder, file);
  const error = result.stderr.split('\n').find((line) => line.startsWith('E: '));
  return { reason: error?.slice(3).trim() ?? `apt-get ended with status ${result.status}` };
}

const WATCH_INTERVAL_MS = 200;

/** apt tells its progress to terminals only; how the files grow says the same. */
async function watchFolder<T>(
  folder: string,
  task: { work: () => Promise<T>; onSize: (sizeBytes: number) => void },
): Promise<T> {
  const timer = setInterval(() => {
    folderBytes(folder).then(task.onSize, () => {});
  }, WATCH_INTERVAL_MS);
  try {
    return await task.work();
  } finally {
    clearInterval(timer);
  }
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder);
  const stats = await Promise.all(entries.map((entry) => stat(join(folder, entry)).catch(() => null)));
  return stats.reduce((total, info) => total + (info?.isFile() ? info.size : 0), 0);
}

function toolOptions(context: FetchContext): { signal?: AbortSignal } {
  return context.signal === undefined ? {} : { signal: context.signal };
}
