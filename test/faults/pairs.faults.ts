import { PAIRS } from './scenarios/pairs.js';
import { playAll } from './suite.js';

playAll('pairs', PAIRS);
