import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../host/node/files.ts';
import { runTool, type ToolOptions, type ToolResult } from '../../host/node/run-tool.ts';

/** Where apt keeps its lists: the host's own, which is only read, or a private one. */
export interface AptState {
  readonly kind: 'host' | 'private';
  run(tool: 'apt-get' | 'apt-cache', args: readonly string[], options?: ToolOptions): Promise<ToolResult>;
}

/** Nothing asks a question, and root fetches as root: apt's own user may not write into root's cache folder. */
const COMMON_OPTIONS = ['-q', '-o', 'APT::Sandbox::User=root', '-o', 'Acquire::Retries=2'];

export const hostAptState: AptState = {
  kind: 'host',
  run: (tool, args, options) => runTool(tool, [...COMMON_OPTIONS, ...args], options),
};

/**
 * Lists of our own for one architecture, from the host's sources and keys. Nothing of the host's is written, so
 * that it needs no privileges and no `dpkg --add-architecture`. apt.conf(5).
 */
export async function privateAptState(folder: string, architecture: string): Promise<AptState> {
  const configPath = join(folder, 'apt.conf');
  await mkdir(join(folder, 'state', 'lists', 'partial'), { recursive: true });
  await mkdir(join(folder, 'cache', 'archives', 'partial'), { recursive: true });
  await writeFileAtomic(join(folder, 'status'), '');
  await writeFileAtomic(configPath, privateConfig(folder, architecture));
  return {
    kind: 'private',
    run: (tool, args, options) => runTool(tool, ['-c', configPath, ...COMMON_OPTIONS, ...args], options),
  };
}

/** True when `apt-get update` has run in a private state. */
export async function hasLists(folder: string): Promise<boolean> {
  const names = await readdir(join(folder, 'state', 'lists')).catch(() => []);
  return names.some((name) => name.includes('_Packages'));
}

/** The hooks that the host runs around its own apt are not for ours. */
function privateConfig(folder: string, architecture: string): string {
  return `#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
#clear APT::Architectures;
APT::Architecture "${architecture}";
APT::Architectures { "${architecture}"; };
Dir::State "${folder}/state";
Dir::State::status "${folder}/status";
Dir::Cache "${folder}/cache";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb-src::Sources::DefaultEnabled "false";
`;
}
