import { expect, it } from 'vitest';
import { hostMemory, kvm, nodeVersion } from './doctor-checks.ts';

it.each([
  ['20.19.0', 'ok'],
  ['22.0.0', 'ok'],
  ['20.18.9', 'fail'],
  ['18.20.0', 'fail'],
])('nodeVersion %s is %s', (version, status) => {
  expect(nodeVersion(version).status).toBe(status);
});

it('hostMemory warns below what a default guest needs twice', () => {
  expect(hostMemory(2 ** 30).status).toBe('ok');
  expect(hostMemory(2 ** 30 - 1)).toMatchObject({ status: 'warn', advice: expect.stringContaining('-m') });
});

it('kvm tells a device that is not there', () => {
  expect(kvm('/nonexistent/kvm').detail).toMatch(/^no \/nonexistent\/kvm/);
});
