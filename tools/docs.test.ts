import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../src/cli/commands.ts';
import { commandHelp, commandsMarkdown } from '../src/cli/help.ts';
import { DEVICE_CATALOG } from '../src/devices/catalog.ts';
import { LAYERS } from './layers.ts';

const ROOT = join(import.meta.dirname, '..');
const readDoc = (name: string) => readFileSync(join(ROOT, 'docs', name), 'utf8');

/** Source of the program, without its tests. */
const SOURCES = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !/\.(test|cases)\.ts$/.test(path))
  .map((path) => readFileSync(join(ROOT, 'src', path), 'utf8'));

/** Devices of `--device`, as the catalog has them. */
function devicesMarkdown(): string {
  const rows = Object.entries(DEVICE_CATALOG).map(([name, device]) => {
    const options = Object.entries(device.options).map(
      ([key, option]) => `\`${key}\`: ${option.summary} (default: 0x${option.default.toString(16)})`,
    );
    return `| \`${name}\` | ${device.summary} | ${options.join('; ') || 'none'} |`;
  });
  return ['', '## Devices', '', '| Name | What it is | Options |', '| --- | --- | --- |', ...rows, ''].join('\n');
}

describe('docs/cli.md', () => {
  it('is what the tables say (npm run docs writes it)', async () => {
    await expect(commandsMarkdown(COMMANDS) + devicesMarkdown()).toMatchFileSnapshot('../docs/cli.md');
  });
});

describe('help', () => {
  it.each(COMMANDS.map((command) => [command.name, command] as const))('of %s fits a terminal', (_, command) => {
    for (const line of commandHelp(command).split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  it.each(COMMANDS.map((command) => [command.name, command.options] as const))(
    'of %s has no short option twice',
    (_, options) => {
      const shorts = Object.values(options).flatMap((option) => option.short ?? []);
      expect(new Set(shorts).size).toBe(shorts.length);
    },
  );
});

describe('docs/errors.md', () => {
  it('lists exactly the codes that the source has, in order', () => {
    const inSource = SOURCES.flatMap((text) => text.match(/\bVMM_[A-Z][A-Z0-9_]*\b/g) ?? []);
    const inDoc = [...readDoc('errors.md').matchAll(/^\| `(VMM_\w+)` \| (usage|failure) \| \S/gm)].map(
      (match) => match[1],
    );
    expect(inDoc).toEqual([...new Set(inSource)].sort());
  });
});

describe('docs/architecture.md', () => {
  it('tells about every folder of src', () => {
    const text = readDoc('architecture.md');
    expect(Object.keys(LAYERS).filter((layer) => !text.includes(`\`${layer}`))).toEqual([]);
  });
});
