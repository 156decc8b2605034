import { MANAGER_TROUBLE } from './scenarios/manager.js';
import { playAll } from './suite.js';

playAll('manager', MANAGER_TROUBLE);
