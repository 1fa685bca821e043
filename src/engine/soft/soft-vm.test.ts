import { engineConformance } from '../engine-conformance.cases.ts';
import { softEngine } from './soft-vm.ts';

engineConformance(softEngine);
