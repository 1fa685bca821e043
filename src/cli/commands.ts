import type { Command } from './command.ts';
import { doctorCommand } from './commands/doctor.ts';
import { runCommand } from './commands/run.ts';
import { testCommand } from './commands/test.ts';

/** What `paravane` can do, in the order of its help. */
export const COMMANDS: readonly Command[] = [runCommand, testCommand, doctorCommand];
