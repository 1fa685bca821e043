import { ascii, type CpioEntry, writeCpio } from './cpio.ts';

/**
 * What process 1 does in the default guest. `mount -a` makes all three mounts in one process: each one more costs
 * a fork and an exec on an emulated CPU. COLUMNS, LINES and TERM come from the kernel's command line, which hands
 * what it does not know to process 1 as environment. `cttyhack` gives the shell a controlling terminal: job control.
 */
export const SHELL_INIT_SCRIPT = `#!/bin/sh
export PATH=/bin HOME=/root
mount -a
hostname paravane
[ "$COLUMNS" ] && stty cols "$COLUMNS" rows "$LINES"
cd /root
setsid cttyhack sh -l
poweroff -f
`;

const FSTAB = `proc /proc proc defaults 0 0
sysfs /sys sysfs defaults 0 0
devtmpfs /dev devtmpfs defaults 0 0
`;

const PROFILE = `export PS1='\\w \\$ '
read -r release < /proc/sys/kernel/osrelease
echo "Linux $release with busybox. 'poweroff -f' or 'exit' ends it."
`;

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\n';
const GROUP = 'root:x:0:\n';

/** Applets linked when the list in the binary cannot be found. */
const ESSENTIAL_APPLETS = [
  'cat',
  'cttyhack',
  'dmesg',
  'echo',
  'hostname',
  'ls',
  'mount',
  'poweroff',
  'ps',
  'setsid',
  'sh',
  'stty',
  'uname',
];

export interface InitramfsOptions {
  /** A static busybox for the guest's architecture. */
  readonly busybox: Uint8Array;
  /** Text of /init, ASCII. Default: a shell on the console. */
  readonly initScript?: string;
  /** More files. */
  readonly extra?: readonly CpioEntry[];
}

/** A root file system of busybox, a link for each of its applets, and /init. Not compressed: the guest's CPU is the slow one. */
export function buildInitramfs(options: InitramfsOptions): Uint8Array {
  const directories = ['bin', 'dev', 'etc', 'proc', 'root', 'run', 'sys', 'tmp'];
  const applets = findApplets(options.busybox) ?? ESSENTIAL_APPLETS;
  return writeCpio([
    ...directories.map((path): CpioEntry => ({ kind: 'directory', path, mode: path === 'tmp' ? 0o1777 : 0o755 })),
    // The kernel opens it for process 1 before anything is mounted. Linux Documentation/admin-guide/devices.txt.
    { kind: 'character-device', path: 'dev/console', major: 5, minor: 1 },
    { kind: 'file', path: 'bin/busybox', mode: 0o755, bytes: options.busybox },
    ...applets
      .filter((applet) => applet !== 'busybox')
      .map((applet): CpioEntry => ({ kind: 'symlink', path: `bin/${applet}`, target: 'busybox' })),
    { kind: 'file', path: 'etc/fstab', bytes: ascii(FSTAB) },
    { kind: 'file', path: 'etc/profile', bytes: ascii(PROFILE) },
    { kind: 'file', path: 'etc/passwd', bytes: ascii(PASSWD) },
    { kind: 'file', path: 'etc/group', bytes: ascii(GROUP) },
    { kind: 'file', path: 'init', mode: 0o755, bytes: ascii(options.initScript ?? SHELL_INIT_SCRIPT) },
    ...(options.extra ?? []),
  ]);
}

/**
 * The applets of a busybox, read from its own table: NUL-separated names in order, ended by an empty one, which
 * begins with `[` and `[[` (busybox libbb/appletlib.c, applet_names). Null when it is not there.
 */
export function findApplets(busybox: Uint8Array): readonly string[] | null {
  const start = indexOf(busybox, ascii('\0[\0[[\0'));
  if (start < 0) return null;
  const applets: string[] = [];
  let name = '';
  for (let i = start + 1; i < busybox.length; i++) {
    const code = busybox[i] as number;
    if (code !== 0) {
      if (code < 0x21 || code > 0x7e || name.length > 32) return null;
      name += String.fromCharCode(code);
      continue;
    }
    if (name === '') break;
    applets.push(name);
    name = '';
  }
  return applets.includes('sh') ? applets : null;
}

function indexOf(haystack: Uint8Array, needle: Uint8Array): number {
  const first = needle[0] as number;
  for (let at = haystack.indexOf(first); at >= 0; at = haystack.indexOf(first, at + 1)) {
    if (needle.every((byte, i) => haystack[at + i] === byte)) return at;
  }
  return -1;
}
