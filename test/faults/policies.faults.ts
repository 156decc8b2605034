import { POLICIES } from './scenarios/policies.js';
import { playAll } from './suite.js';

playAll('policies', POLICIES);
