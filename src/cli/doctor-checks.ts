import { accessSync, constants, existsSync } from 'node:fs';
import { totalmem } from 'node:os';
import { cacheDir } from '../host/node/cache-dir.ts';
import type { ProcessPorts } from '../host/node/process-ports.ts';
import { findTool } from '../host/node/run-tool.ts';
import { APT_TOOLS } from '../images/node/apt-packages.ts';
import { cachedGuestPackages, GUEST_NAMES } from '../images/node/guest-image.ts';
import { MEMORY_LIMITS, MIB } from '../machine/config.ts';
import { formatByteSize } from '../sdk/byte-size.ts';

/** `fail`: no guest runs here. `warn`: something is missing that not everybody needs. */
export interface CheckResult {
  readonly status: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  readonly advice?: string;
}

type Check = (ports: ProcessPorts) => CheckResult | Promise<CheckResult>;

/** What is looked at, in the order of the report. */
export const HOST_CHECKS: Readonly<Record<string, Check>> = {
  'Node.js': () => nodeVersion(process.versions.node),
  WebAssembly: webAssembly,
  'WebAssembly SIMD': () => simd(),
  'Shared memory': () => sharedMemory(),
  'Guest memory': () => guestMemory(),
  'Host memory': () => hostMemory(totalmem()),
  KVM: () => kvm('/dev/kvm'),
  apt: () => apt(),
  Cache: () => cache(),
  Terminal: terminal,
};

const OLDEST_NODE = [20, 19] as const;
const WASM_PAGE_BYTES = 65_536;

export function nodeVersion(version: string): CheckResult {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isNewEnough = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  if (isNewEnough) return { status: 'ok', detail: version };
  return { status: 'fail', detail: version, advice: `install Node.js ${OLDEST_NODE.join('.')} or newer` };
}

/** The empty module: magic and version, WebAssembly 2.0 §5.5.16. */
const WASM_HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

function webAssembly(): CheckResult {
  if (compiles([])) return { status: 'ok', detail: 'compiles' };
  return {
    status: 'fail',
    detail: 'does not compile; the software CPU is made of it',
    advice: 'run Node.js without --jitless and without a policy that forbids code generation',
  };
}

function simd(): CheckResult {
  // type () -> v128; one function of it: i32.const 0, i8x16.splat, end
  const sections = [
    [0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b],
    [0x03, 0x02, 0x01, 0x00],
    [0x0a, 0x08, 0x01, 0x06, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0x0b],
  ];
  if (compiles(sections.flat())) return { status: 'ok', detail: 'available' };
  return { status: 'warn', detail: 'missing', advice: 'SSE code of guests may not run; use a newer processor' };
}

function compiles(sections: readonly number[]): boolean {
  try {
    new WebAssembly.Module(Uint8Array.from([...WASM_HEADER, ...sections]));
    return true;
  } catch {
    return false;
  }
}

function sharedMemory(): CheckResult {
  try {
    new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    return { status: 'ok', detail: 'available' };
  } catch {
    return { status: 'warn', detail: 'missing', advice: 'guests are limited to one virtual CPU' };
  }
}

/** Reserves the largest guest's memory, which takes address space and no memory. */
function guestMemory(): CheckResult {
  const sizes = [MEMORY_LIMITS.maxBytes, 2048 * MIB, 1024 * MIB, MEMORY_LIMITS.defaultBytes];
  const largest = sizes.find((sizeBytes) => reserves(sizeBytes));
  if (largest === MEMORY_LIMITS.maxBytes) return { status: 'ok', detail: `up to ${formatByteSize(largest)}` };
  const advice = 'raise the limit on address space (ulimit -v)';
  if (largest === undefined) return { status: 'fail', detail: 'less than 512M can be reserved', advice };
  return { status: 'warn', detail: `about ${formatByteSize(largest)} can be reserved`, advice };
}

function reserves(sizeBytes: number): boolean {
  try {
    new WebAssembly.Memory({ initial: sizeBytes / WASM_PAGE_BYTES });
    return true;
  } catch {
    return false;
  }
}

export function hostMemory(totalBytes: number): CheckResult {
  const detail = `${Math.floor(totalBytes / MIB)} MiB`;
  if (totalBytes >= 2 * MEMORY_LIMITS.defaultBytes) return { status: 'ok', detail };
  return { status: 'warn', detail, advice: 'give guests less than the default of 512M: -m 256M' };
}

export function kvm(path: string): CheckResult {
  const note = 'not used yet: guests run on the software CPU';
  if (!existsSync(path)) return { status: 'ok', detail: `no ${path}; ${note}` };
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return { status: 'ok', detail: `${path} can be opened; ${note}` };
  } catch {
    return { status: 'ok', detail: `${path} is there and this user may not open it; ${note}` };
  }
}

function apt(): CheckResult {
  const missing = APT_TOOLS.filter((tool) => findTool(tool) === null);
  if (missing.length === 0) return { status: 'ok', detail: 'can fetch the default guest' };
  return {
    status: 'warn',
    detail: `${missing.join(', ')} not found, so there is no default guest`,
    advice: 'pass a kernel and an initrd: paravane run -k KERNEL -i INITRD',
  };
}

async function cache(): Promise<CheckResult> {
  const folder = cacheDir();
  const guests: string[] = [];
  for (const name of GUEST_NAMES) {
    const packages = await cachedGuestPackages(name);
    if (packages !== null) guests.push(`${name} (${packages.map((found) => found.version).join(', ')})`);
  }
  const contents = guests.length === 0 ? 'no guest yet; the first run fetches one' : guests.join(', ');
  if (!existsSync(folder)) return { status: 'ok', detail: `${folder}: ${contents}` };
  try {
    accessSync(folder, constants.W_OK);
    return { status: 'ok', detail: `${folder}: ${contents}` };
  } catch {
    return { status: 'warn', detail: `${folder} cannot be written`, advice: 'set XDG_CACHE_HOME to a folder of yours' };
  }
}

function terminal(ports: ProcessPorts): CheckResult {
  const { stdin, stdout } = ports;
  if (stdin.isTTY === true && stdout.isTTY === true) {
    return { status: 'ok', detail: `${stdout.columns} columns, ${stdout.rows} rows` };
  }
  return { status: 'ok', detail: 'not a terminal: the console of a guest is copied as it is' };
}
