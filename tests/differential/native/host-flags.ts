import { readFileSync } from 'node:fs';

let flags: ReadonlySet<string> | undefined;

/** The `flags` line of /proc/cpuinfo; empty where there is none. */
export function hostFlags(): ReadonlySet<string> {
  if (flags === undefined) flags = parseFlags(readCpuinfo());
  return flags;
}

export function parseFlags(cpuinfo: string): ReadonlySet<string> {
  return new Set(/^flags\s*:\s*(.*)$/m.exec(cpuinfo)?.[1]?.split(' ') ?? []);
}

export function hostVendor(): string {
  return /^vendor_id\s*:\s*(.*)$/m.exec(readCpuinfo())?.[1] ?? 'unknown';
}

function readCpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'latin1');
  } catch {
    return '';
  }
}
