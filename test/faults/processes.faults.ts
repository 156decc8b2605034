import { PROCESSES } from './scenarios/processes.js';
import { playAll } from './suite.js';

playAll('processes', PROCESSES);
