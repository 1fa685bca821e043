import { expect, it } from 'vitest';
import { FakePorts } from '../host/node/fake-ports.cases.ts';
import { ProgressLine } from './progress-line.ts';

it('ProgressLine shows size and rate on a terminal, over and over in one line', () => {
  const { stderr } = new FakePorts({ isTerminal: true });
  let nowMs = 0;
  const line = new ProgressLine(stderr, () => nowMs);
  line.show({ what: 'kernel', doneBytes: 0, totalBytes: 26_700_000 });
  nowMs = 2_000;
  line.show({ what: 'kernel', doneBytes: 10_000_000, totalBytes: 26_700_000 });
  line.show({ what: 'lists', doneBytes: 0, totalBytes: null });
  line.clear();
  line.clear();
  expect(stderr.text.split('\r\x1b[K')).toEqual([
    '',
    'Fetching kernel: 0.0 of 26.7 MB',
    'Fetching kernel: 10.0 of 26.7 MB, 5.0 MB/s',
    'Fetching lists: 0.0 MB',
    '',
  ]);
});

it('ProgressLine says nothing where there is no terminal', () => {
  const { stderr } = new FakePorts();
  const line = new ProgressLine(stderr);
  line.show({ what: 'kernel', doneBytes: 1, totalBytes: null });
  line.clear();
  expect(stderr.text).toBe('');
});
