import { ACCESS } from './scenarios/access.js';
import { MANAGER_TROUBLE } from './scenarios/manager.js';
import { NETWORK } from './scenarios/network.js';
import { PAIRS } from './scenarios/pairs.js';
import { PROCESSES } from './scenarios/processes.js';
import { playAll } from './suite.js';

const all = [...PROCESSES, ...NETWORK, ...ACCESS, ...MANAGER_TROUBLE, ...PAIRS];
playAll(
  'faults, the short selection (npm run test:faults plays all)',
  all.filter((one) => one.fast),
);
