import { ACCESS } from './scenarios/access.js';
import { playAll } from './suite.js';

playAll('access', ACCESS);
