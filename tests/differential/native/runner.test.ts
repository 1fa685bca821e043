import { afterAll, describe, expect, test } from 'vitest';
import { CaseBatch, type CaseRecord } from './case.ts';
import { CODE_LINEAR, CS_32, DATA_LINEAR, READ_ONLY_LINEAR, RECORD, UNMAPPED_LINEAR, WINDOWS } from './layout.ts';
import { openNativeHost } from './runner.ts';
import { SIGALRM } from './runner-program.ts';

const host = await openNativeHost();
if (host.kind === 'unavailable') console.log(`native runner: skipped, ${host.reason}`);
const START = BigInt(CODE_LINEAR + 0x800);

async function run(prepare: (record: CaseRecord) => void): Promise<CaseRecord> {
  if (host.kind === 'unavailable') throw new Error(host.reason);
  const batch = CaseBatch.allocate(1);
  prepare(batch.records[0]!);
  return (await host.runner.run(batch)).records[0]!;
}

afterAll(() => {
  if (host.kind === 'available') host.runner.dispose();
});

describe.skipIf(host.kind === 'unavailable')('NativeRunner', () => {
  test('returns registers, flags and RIP after an ADD', async () => {
    const result = await run((record) => {
      record.code = [0x48, 0x01, 0xd8]; // add rax, rbx
      record.gpr[0] = 0x7fff_ffff_ffff_ffffn;
      record.gpr[3] = 1n;
      record.gpr[15] = 15n;
    });
    expect(result.gpr[0]).toBe(0x8000_0000_0000_0000n);
    expect(result.gpr[15]).toBe(15n);
    expect(result.rflags & 0x8d5).toBe(0x894); // OF SF AF PF
    expect(result.vector).toBe(3);
    expect(result.rip).toBe(START + 4n);
  });

  test('sets the arithmetic flags and DF of the case', async () => {
    const result = await run((record) => {
      record.code = [0x48, 0x11, 0xd8, 0xab]; // adc rax, rbx; stosd
      record.gpr[7] = BigInt(DATA_LINEAR + 4096);
      record.rflags = 0x603; // CF DF
    });
    expect(result.gpr[0]).toBe(1n);
    expect(result.gpr[7]).toBe(BigInt(DATA_LINEAR + 4092));
    expect(result.window(WINDOWS.data)[512]).toBe(1);
  });

  test('reports #DE with the state before the instruction', async () => {
    const result = await run((record) => {
      record.code = [0x48, 0xf7, 0xf3]; // div rbx
      record.gpr[0] = 5n;
    });
    expect([result.vector, result.rip, result.gpr[0]]).toEqual([0, START, 5n]);
  });

  test.each([
    ['a read of an unmapped page', [0x8b, 0x03], UNMAPPED_LINEAR, 4],
    ['a write to an unmapped page', [0x89, 0x03], UNMAPPED_LINEAR, 6],
    ['a write to a read-only page', [0x89, 0x03], READ_ONLY_LINEAR, 7],
  ])('reports #PF for %s', async (_, code, linear, errorCode) => {
    const result = await run((record) => {
      record.code = code;
      record.gpr[3] = BigInt(linear);
    });
    expect([result.vector, result.errorCode, result.cr2]).toEqual([14, errorCode, BigInt(linear)]);
  });

  test('reports #PF at the next page for an access over the end of the mapping', async () => {
    const result = await run((record) => {
      record.code = [0x48, 0x8b, 0x03]; // mov rax, [rbx]
      record.gpr[3] = BigInt(DATA_LINEAR + 2 * 4096 - 4);
    });
    expect([result.vector, result.errorCode, result.cr2]).toEqual([14, 4, BigInt(DATA_LINEAR + 2 * 4096)]);
  });

  test('reports #PF with the instruction-fetch address past the code page', async () => {
    const result = await run((record) => {
      record.rip = BigInt(CODE_LINEAR + 4095);
      record.code = [0x48];
    });
    expect([result.vector, result.cr2]).toEqual([14, BigInt(CODE_LINEAR + 4096)]);
  });

  test('reports #GP for a non-canonical address and #UD for UD2', async () => {
    const general = await run((record) => {
      record.code = [0x48, 0x8b, 0x03];
      record.gpr[3] = 0x8000_0000_0000n;
    });
    const undefinedOpcode = await run((record) => {
      record.code = [0x0f, 0x0b];
    });
    expect([general.vector, general.errorCode, undefinedOpcode.vector]).toEqual([13, 0, 6]);
  });

  test('carries XMM and YMM both ways', async () => {
    const result = await run((record) => {
      record.code = [0x66, 0x0f, 0xd4, 0xc1]; // paddq xmm0, xmm1
      record.view.setBigUint64(RECORD.fxsave + 160, 40n, true);
      record.view.setBigUint64(RECORD.fxsave + 176, 2n, true);
      record.view.setBigUint64(RECORD.ymmHigh + 240, 7n, true);
    });
    expect(result.view.getBigUint64(RECORD.fxsave + 160, true)).toBe(42n);
    expect(result.view.getBigUint64(RECORD.fxsave + 176, true)).toBe(2n);
    expect([0n, 7n]).toContain(result.view.getBigUint64(RECORD.ymmHigh + 240, true)); // 0 on a host without AVX
  });

  test('carries the x87 stack both ways', async () => {
    const result = await run((record) => {
      record.code = [0xd8, 0xc1]; // fadd st0, st1
      record.bytes[RECORD.fxsave + 4] = 0x03; // FTW: ST0 and ST1 valid, TOP = 0
      record.view.setBigUint64(RECORD.fxsave + 32, 0x8000_0000_0000_0000n, true);
      record.view.setUint16(RECORD.fxsave + 40, 0x3fff, true); // 1.0
      record.view.setBigUint64(RECORD.fxsave + 48, 0x8000_0000_0000_0000n, true);
      record.view.setUint16(RECORD.fxsave + 56, 0x4000, true); // 2.0
    });
    expect(result.view.getBigUint64(RECORD.fxsave + 32, true)).toBe(0xc000_0000_0000_0000n);
    expect(result.view.getUint16(RECORD.fxsave + 40, true)).toBe(0x4000); // 3.0
  });

  test('reports #MF and #XM for unmasked exceptions', async () => {
    const x87 = await run((record) => {
      record.code = [0xd9, 0xe8, 0xd8, 0xf1, 0x9b]; // fld1; fdiv st0, st1; fwait
      record.view.setUint16(RECORD.fxsave, 0x360, true);
    });
    const simd = await run((record) => {
      record.code = [0xf3, 0x0f, 0x5e, 0xc1]; // divss xmm0, xmm1
      record.mxcsr = 0;
    });
    expect([x87.vector, simd.vector]).toEqual([16, 19]);
  });

  test('starts every case from its own memory and reports stray writes', async () => {
    if (host.kind === 'unavailable') return;
    const batch = CaseBatch.allocate(3);
    const [stray, clean, code] = batch.records as [CaseRecord, CaseRecord, CaseRecord];
    stray.code = [0x89, 0x03]; // mov [rbx], eax
    stray.gpr[0] = 1n;
    stray.gpr[3] = BigInt(DATA_LINEAR);
    clean.code = [0x8b, 0x03]; // mov eax, [rbx]
    clean.gpr[3] = BigInt(DATA_LINEAR);
    code.code = [0xeb, 0x02]; // jmp over two bytes: INT3 again, nothing of the cases before
    const results = (await host.runner.run(batch)).records;
    expect(results.map((result) => result.stray)).toEqual([true, false, false]);
    expect(results[1]!.gpr[0]).toBe(0n);
    expect(results[2]!.rip).toBe(START + 5n);
  });

  test('shows what PUSH wrote in the stack window', async () => {
    const result = await run((record) => {
      record.code = [0x50];
      record.gpr[0] = 0x1122n;
    });
    expect(result.window(WINDOWS.stack)[248]).toBe(0x22);
    expect(result.gpr[4]).toBe(BigInt(WINDOWS.stack.linear + 248));
  });

  test('ends a case that hangs with SIGALRM', async () => {
    if (host.kind === 'unavailable') return;
    const batch = CaseBatch.allocate(2);
    batch.records[0]!.code = [0xeb, 0xfe]; // jmp to itself
    batch.records[1]!.code = [0x48, 0xff, 0xc0]; // inc rax
    const results = (await host.runner.run(batch)).records;
    expect(results[0]!.signal).toBe(SIGALRM);
    expect(results[1]!.gpr[0]).toBe(1n);
  });

  test('survives a case that sets AC, NT and DF', async () => {
    if (host.kind === 'unavailable') return;
    const batch = CaseBatch.allocate(2);
    for (const record of batch.records) {
      record.code = [0x9d]; // popfq
      record.window(WINDOWS.stack).set([0x00, 0x44, 0x04], 256);
    }
    const results = (await host.runner.run(batch)).records;
    expect(results.map((result) => result.rflags & 0x44400)).toEqual([0x44400, 0x44400]);
  });

  test.skipIf(host.kind === 'unavailable' || !host.compat)('runs 32-bit code', async () => {
    const result = await run((record) => {
      record.cs = CS_32;
      record.code = [0x60]; // pusha
      record.gpr[0] = 0xaabb_ccddn;
    });
    expect([result.vector, result.cs]).toEqual([3, CS_32]);
    expect(result.window(WINDOWS.stack).subarray(252, 256)).toEqual(Uint8Array.of(0xdd, 0xcc, 0xbb, 0xaa));
  });

  test('runs 20,000 cases in one batch', async () => {
    if (host.kind === 'unavailable') return;
    const batch = CaseBatch.allocate(20_000);
    for (const [index, record] of batch.records.entries()) {
      record.code = [0x48, 0xff, 0xc0]; // inc rax
      record.gpr[0] = BigInt(index);
    }
    const started = performance.now();
    const results = (await host.runner.run(batch)).records;
    console.log(`native runner: ${Math.round(20_000_000 / (performance.now() - started))} cases/s`);
    expect(results.every((result, index) => result.gpr[0] === BigInt(index + 1))).toBe(true);
  });
});
