/** Where a folder's code runs, and so which platform API it may use. */
export type Runtime =
  /** The portable core: ECMAScript and WebAssembly only. tsconfig.core.json proves it. */
  | 'any'
  /** What browsers and Node have in common. tsconfig.web.json proves it. */
  | 'web'
  | 'node';

export interface Layer {
  readonly runtime: Runtime;
  /** The layers right below; what those may import is allowed as well. */
  readonly below: readonly string[];
  /** npm packages. */
  readonly packages?: readonly string[];
}

/**
 * The parts of src, by path prefix; the longest that matches a file is the file's. What is not listed is forbidden
 * on purpose: a device cannot tell one engine from another (devices → engine, cpu), exits come up to the machine as
 * data (engine → devices), and the architecture does not know who executes it (x86 → cpu).
 */
export const LAYERS: Readonly<Record<string, Layer>> = {
  base: { runtime: 'any', below: [] },
  wasm: { runtime: 'any', below: ['base'] },
  memory: { runtime: 'any', below: ['base'] },
  bus: { runtime: 'any', below: ['base'] },
  backends: { runtime: 'any', below: ['base'] },
  x86: { runtime: 'any', below: ['base'] },
  cpu: { runtime: 'any', below: ['x86', 'wasm', 'memory', 'bus'] },
  devices: { runtime: 'any', below: ['bus', 'memory', 'backends'] },
  hypervisor: { runtime: 'any', below: ['bus', 'memory'] },
  // The state a processor starts in: what loaders and engines have to agree on.
  'loaders/boot-layout': { runtime: 'any', below: ['base'] },
  'loaders/boot-state': { runtime: 'any', below: ['loaders/boot-layout', 'memory'] },
  loaders: { runtime: 'any', below: ['loaders/boot-state', 'memory'], packages: ['fflate', 'fzstd'] },
  engine: { runtime: 'any', below: ['loaders/boot-state', 'memory', 'bus', 'x86'] },
  'engine/soft': { runtime: 'any', below: ['engine', 'cpu'] },
  machine: { runtime: 'any', below: ['devices', 'engine/soft', 'hypervisor', 'loaders'] },
  images: { runtime: 'any', below: ['base'] },
  'host/web': { runtime: 'web', below: ['backends'] },
  'host/node': { runtime: 'node', below: ['backends'] },
  'images/node': { runtime: 'node', below: ['images', 'host/node', 'loaders'] },
  sdk: { runtime: 'web', below: ['machine', 'host/web'] },
  'sdk/node': { runtime: 'node', below: ['sdk', 'images/node'] },
  cli: { runtime: 'node', below: ['sdk/node'] },
};

/** Code files are read from top to bottom: no longer than this. */
export const MAX_CODE_LINES = 400;

/** Tables are looked up, not read: any length. */
export const TABLE_FILES = [/^x86\/opcodes\//, /^wasm\/opcodes\.ts$/, /^x86\/cpuid\/models/];

/** The layer of a file given by its path below src; undefined when none is meant for it. */
export function layerOf(path: string): string | undefined {
  return Object.keys(LAYERS)
    .filter((prefix) => path.startsWith(`${prefix}/`) || path === `${prefix}.ts`)
    .sort((a, b) => b.length - a.length)[0];
}

/** A layer with everything below it. */
export function allowedLayers(layer: string): ReadonlySet<string> {
  const allowed = new Set([layer]);
  for (const name of allowed) for (const below of LAYERS[name]?.below ?? []) allowed.add(below);
  return allowed;
}

/** `export { … } from` and `export * from`. */
const RE_EXPORT = /^export\s+(?:type\s+)?(?:\*(?:\s*as\s+\w+)?|\{[^}]*\})\s*from\s*'([^']+)'/gm;
const IMPORT =
  /^import\s+(?:type\s+)?[\w*{][^'"]*?\sfrom\s*'([^']+)'|^import\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;

/** The module specifiers that a source text passes on to whoever imports it. */
export function reExportsOf(source: string): string[] {
  return [...source.matchAll(RE_EXPORT)].map((match) => match[1] ?? '');
}

/** The module specifiers that a source text imports or re-exports. */
export function importsOf(source: string): string[] {
  const imports = [...source.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
  return [...imports, ...reExportsOf(source)];
}
