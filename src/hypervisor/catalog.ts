import { createKvmPersonality } from './kvm/kvm.ts';
import { createNonePersonality } from './none/none.ts';
import type { Personality, PersonalityHost } from './personality.ts';

/** Personalities by the name that users choose them with. */
export const PERSONALITY_CATALOG = {
  kvm: createKvmPersonality,
  none: createNonePersonality,
} as const satisfies Readonly<Record<string, (host: PersonalityHost) => Personality>>;

export type PersonalityName = keyof typeof PERSONALITY_CATALOG;
