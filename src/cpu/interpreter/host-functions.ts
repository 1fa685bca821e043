import type { ModuleBuilder, Signature } from '../../wasm/module.ts';

const signature = (parameters: number, results: 0 | 1): Signature => ({
  parameters: Array.from({ length: parameters }, () => 'i32' as const),
  results: results === 1 ? ['i32'] : [],
});

/** Calls from generated code to the host. 64-bit values travel as two i32: BigInts cost too much. */
export const HOST_FUNCTIONS = {
  /** (record, linear low, linear high, bytes | ACCESS_KIND | OWNER << 12) → host address, or the access buffer's, or 0: fault. */
  accessAddress: signature(4, 1),
  /** Writes the access buffer to where the last accessAddress for writing pointed. */
  commitAccess: signature(0, 0),
  /** (record, offset low, offset high, SEG or -1, bytes | write << 8) → 1, linear address in the scratch; or 0: fault. */
  segmentLinear: signature(5, 1),
  /** (intrinsic number, arguments) which are in the scratch, as the result will be → 1, or 0: fault. */
  intrinsic: signature(2, 1),
  /** (operation number, lanes) two vectors in the scratch, result there → 1, or 0: fault. */
  float: signature(2, 1),
  /** (record) → STATUS: runs a procedure. */
  procedure: signature(1, 1),
  /** (record) → 1 if it moved a run of elements of a repeated string instruction, 0: do one element. */
  repeatString: signature(1, 1),
  /** (record) → STATUS: a TLB miss or a special access of a hot handler; `state.scratch` has the linear address. */
  slowRecord: signature(4, 1),
  /** (RIP low, RIP high) → record address, or 0: fault. */
  lookup: signature(2, 1),
} as const;

export type HostFunction = keyof typeof HOST_FUNCTIONS;
export type HostFunctionIndices = Readonly<Record<HostFunction, number>>;

/** Imports all of them; returns their function indices. */
export function importHostFunctions(module: ModuleBuilder): HostFunctionIndices {
  const names = Object.keys(HOST_FUNCTIONS) as HostFunction[];
  return Object.fromEntries(names.map((name) => [name, module.importFunction(name, HOST_FUNCTIONS[name])])) as Record<
    HostFunction,
    number
  >;
}

/** Kinds of accessAddress, above the byte count; above them OWNER of the segment. */
export const OWNER_SHIFT = 12;
export const ACCESS_KIND = { LOAD: 0, STORE: 1 << 8, UPDATE: 2 << 8, PROBE: 3 << 8 } as const;

/** Operations of `float`, in the order of their numbers. */
export const FLOAT_OPERATIONS = ['add', 'sub', 'mul', 'div', 'min', 'max', 'sqrt'] as const;
export const floatNumber = (text: string): number => {
  const [op, format] = text.split('.') as [(typeof FLOAT_OPERATIONS)[number], 'f32' | 'f64'];
  return FLOAT_OPERATIONS.indexOf(op) * 2 + (format === 'f64' ? 1 : 0);
};
