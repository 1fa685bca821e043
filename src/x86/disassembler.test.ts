import { expect, test } from 'vitest';
import { decode } from './decoder.ts';
import { disassemble } from './disassembler.ts';
import type { Feature } from './opcodes/row.ts';
import { MODE } from './processor-mode.ts';

const M16 = MODE.CODE_16;
const M32 = MODE.CODE_32 | MODE.PROTECTED;
const M64 = MODE.CODE_64 | MODE.PROTECTED;
const features = new Set<Feature>(['cmov', 'sse', 'sse2', 'mmx', 'fpu', 'sse4_1', 'bmi1']);

test.each([
  ['89 d8', M64, 'mov eax,ebx'],
  ['4c 8b 44 8b f8', M64, 'mov r8,QWORD PTR [rbx+rcx*4-0x8]'],
  ['00 e1', M64, 'add cl,ah'],
  ['40 00 e1', M64, 'add cl,spl'],
  ['48 83 c0 ff', M64, 'add rax,0xffffffffffffffff'],
  ['8b 05 10 00 00 00', M64, 'mov eax,DWORD PTR [rip+0x10] # 0x401016'],
  ['8b 04 25 00 00 00 80', M64, 'mov eax,DWORD PTR ds:0xffffffff80000000'],
  ['64 48 8b 04 25 28 00 00 00', M64, 'mov rax,QWORD PTR fs:0x28'],
  ['65 8b 00', M64, 'mov eax,DWORD PTR gs:[rax]'],
  ['67 8b 00', M64, 'mov eax,DWORD PTR [eax]'],
  ['8b 42 02', M16, 'mov ax,WORD PTR [bp+si+0x2]'],
  ['eb fe', M64, 'jmp 0x401000'],
  ['0f 84 00 00 00 00', M64, 'je 0x401006'],
  ['74 fe', M16, 'je 0x1000'],
  ['f0 01 00', M64, 'lock add DWORD PTR [rax],eax'],
  ['f3 48 a5', M64, 'rep movsq'],
  ['f3 a6', M64, 'repe cmpsb'],
  ['f2 ae', M64, 'repne scasb'],
  ['d1 e0', M64, 'shl eax,1'],
  ['f3 6c', M64, 'rep insb'],
  ['6f', M64, 'outsd'],
  ['cb', M64, 'retf'],
  ['48 98', M64, 'cdqe'],
  ['99', M64, 'cdq'],
  ['e3 00', M64, 'jrcxz 0x401002'],
  ['0f 44 c1', M64, 'cmove eax,ecx'],
  ['8d 04 c8', M64, 'lea eax,[rax+rcx*8]'],
  ['66 0f 6f 00', M64, 'movdqa xmm0,XMMWORD PTR [rax]'],
  ['66 48 0f 6e c0', M64, 'movq xmm0,rax'],
  ['0f 6f c1', M64, 'movq mm0,mm1'],
  ['66 0f 3a 16 c8 01', M64, 'pextrd eax,xmm1,0x1'],
  ['c4 e2 60 f2 c1', M64, 'andn eax,ebx,ecx'],
  ['a1 78 56 34 12', M32, 'mov eax,DWORD PTR ds:0x12345678'],
])('disassemble %s', (hex, mode, text) => {
  const bytes = Uint8Array.from(hex.split(' ').map((byte) => Number.parseInt(byte, 16)));
  const decoded = decode(bytes, 0, bytes.length, mode, features);
  expect(decoded.row === undefined ? decoded.kind : disassemble(decoded, 0x401000n)).toBe(text);
});
